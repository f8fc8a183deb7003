alter table runs add column deadline_at integer;
alter table runs add column queue_key text;
alter table runs add column deduplication_id text;
alter table runs add column schedule text;
alter table runs add column forked_from text;

create index runs_overdue on runs (deadline_at) where deadline_at is not null and completed_at is null;
create unique index runs_deduplicated on runs (queue, deduplication_id) where deduplication_id is not null and completed_at is null;
create index runs_of_schedule on runs (schedule) where schedule is not null and completed_at is null;
