alter table schedules add column options text not null default '{}';
alter table schedules add column paused integer not null default 0;
alter table schedules add column waiting_slot integer;
alter table schedules add column last_started integer;

create index runs_of_workflow on runs (workflow, created_at desc, id desc);
create index runs_newest_in_queue on runs (queue, created_at desc, id desc) where queue is not null;
create index runs_newest_of_schedule on runs (schedule, created_at desc, id desc) where schedule is not null;
create index runs_live on runs (created_at desc, id desc) where completed_at is null;
create index runs_failed on runs (created_at desc, id desc) where status in ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
