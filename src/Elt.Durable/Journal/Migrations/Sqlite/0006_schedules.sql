alter table schedules add column options text not null default '{}';
alter table schedules add column paused integer not null default 0;
alter table schedules add column waiting_slot integer;
alter table schedules add column last_started integer;
