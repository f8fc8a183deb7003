-- Ids and names are compared byte by byte, whatever the database's collation: faster, and the same order everywhere.
alter table durable.runs alter column id type text collate "C", alter column parent_id type text collate "C",
  alter column owner type text collate "C", alter column queue type text collate "C";
alter table durable.steps alter column run_id type text collate "C", alter column key type text collate "C";
alter table durable.step_attempts alter column run_id type text collate "C", alter column key type text collate "C";
alter table durable.workers alter column id type text collate "C";
alter table durable.queues alter column name type text collate "C";

alter table durable.runs
  add column deadline_at timestamptz,
  add column queue_key text collate "C",
  add column deduplication_id text collate "C",
  add column schedule text collate "C",
  add column forked_from text collate "C";

create index runs_overdue on durable.runs (deadline_at) where deadline_at is not null and completed_at is null;
create unique index runs_deduplicated on durable.runs (queue, deduplication_id) where deduplication_id is not null and completed_at is null;
create index runs_of_schedule on durable.runs (schedule) where schedule is not null and completed_at is null;
