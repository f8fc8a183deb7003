alter table durable.schedules
  alter column name type text collate "C",
  add column options text not null default '{}',
  add column paused boolean not null default false,
  add column waiting_slot timestamptz,
  add column last_started timestamptz;
