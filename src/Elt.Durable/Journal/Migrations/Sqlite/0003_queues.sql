alter table queues add column key_concurrency integer;
alter table queues add column rate_runs integer;
alter table queues add column rate_period integer; -- microseconds
alter table queues add column paused integer not null default 0;

-- The starts that still count against a queue's rate limit.
create table queue_starts (
  queue text not null,
  started_at integer not null
);
create index queue_starts_newest on queue_starts (queue, started_at);

-- When each key of a queue had its last turn; the lowest is next. A key without row had none.
create table queue_keys (
  queue text not null,
  key text not null,
  turn integer not null,
  primary key (queue, key)
) without rowid;
create index queue_keys_newest on queue_keys (queue, turn);

-- Runs without key share the key ''. The order is that in which the runs of a key begin.
drop index runs_queued;
create index runs_queued on runs (queue, coalesce(queue_key, ''), priority, due_at, id) where queue is not null and status = 'ENQUEUED';
create index runs_queued_due on runs (queue, due_at) where queue is not null and status = 'ENQUEUED';
drop index runs_in_queue;
create index runs_in_queue on runs (queue, coalesce(queue_key, ''), owner) where queue is not null and status in ('RUNNING', 'WAITING');
