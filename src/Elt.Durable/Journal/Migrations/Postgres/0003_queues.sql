alter table durable.queues
  add column key_concurrency int,
  add column rate_runs int,
  add column rate_period bigint, -- microseconds: they mean the same in every time zone
  add column paused boolean not null default false;

-- The starts that still count against a queue's rate limit.
create table durable.queue_starts (
  queue text collate "C" not null,
  started_at timestamptz not null
);
create index queue_starts_newest on durable.queue_starts (queue, started_at);

-- When each key of a queue had its last turn; the lowest is next. A key without row had none.
create sequence durable.queue_turns;
create table durable.queue_keys (
  queue text collate "C" not null,
  key text collate "C" not null,
  turn bigint not null,
  primary key (queue, key)
) with (fillfactor = 70);

-- Runs without key share the key ''. The order is that in which the runs of a key begin.
drop index durable.runs_queued;
create index runs_queued on durable.runs (queue, coalesce(queue_key, ''), priority, due_at, id) where queue is not null and status = 'ENQUEUED';
create index runs_queued_due on durable.runs (queue, due_at) where queue is not null and status = 'ENQUEUED';
drop index durable.runs_in_queue;
create index runs_in_queue on durable.runs (queue, coalesce(queue_key, ''), owner) where queue is not null and status in ('RUNNING', 'WAITING');
