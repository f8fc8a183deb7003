alter table durable.schedules
  alter column name type text collate "C",
  add column options text not null default '{}',
  add column paused boolean not null default false,
  add column waiting_slot timestamptz,
  add column last_started timestamptz;

-- What lists of runs ask for: newest first of a workflow, a queue, a schedule, of those that failed. Those that live are few: one index for them and for
-- those of a worker.
create index runs_of_workflow on durable.runs (workflow, created_at desc, id desc);
create index runs_newest_in_queue on durable.runs (queue, created_at desc, id desc) where queue is not null;
create index runs_newest_of_schedule on durable.runs (schedule, created_at desc, id desc) where schedule is not null;
drop index durable.runs_owned;
create index runs_live on durable.runs (owner, created_at desc, id desc) where completed_at is null;
create index runs_failed on durable.runs (created_at desc, id desc) where status in ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');

-- What each worker executes, each as 'name version'; null when the worker does not say.
alter table durable.workers add column workflows text[];
