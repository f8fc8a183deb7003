-- Lists of runs. Those that ended have indexes of their own, which are written once, when a run ends; those that live are few and share one. Ascending, and
-- read backwards: a new entry goes to the end of an index, where it costs least.
drop index durable.runs_newest, durable.runs_of_workflow, durable.runs_newest_in_queue, durable.runs_newest_of_schedule, durable.runs_live, durable.runs_failed;
create index runs_newest on durable.runs (created_at, id) where completed_at is not null;
create index runs_of_workflow on durable.runs (workflow, created_at, id) where completed_at is not null;
create index runs_newest_in_queue on durable.runs (queue, created_at, id) where queue is not null and completed_at is not null;
create index runs_newest_of_schedule on durable.runs (schedule, created_at, id) where schedule is not null and completed_at is not null;
create index runs_failed on durable.runs (created_at, id) where completed_at is not null and status in ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
-- Also answers which runs a worker executes.
create index runs_live on durable.runs (created_at, id, owner, workflow) where completed_at is null;

-- Another number each time runs are taken from a worker that lives on: while it is the same, the runs the worker had are still its own.
create sequence durable.takings;
alter table durable.workers add column taken bigint not null default nextval('durable.takings');
