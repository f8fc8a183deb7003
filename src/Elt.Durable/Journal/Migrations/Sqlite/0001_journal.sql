-- Times are microseconds since 1970-01-01 UTC.
create table runs (
  id text primary key,
  workflow text not null,
  version integer not null,
  status text not null,
  epoch integer not null,
  owner text,
  due_at integer,
  wake_count integer not null default 0,
  recoveries integer not null default 0,
  priority integer not null default 0,
  queue text,
  parent_id text,
  created_at integer not null,
  started_at integer,
  completed_at integer,
  input text not null,
  output text,
  error text
) without rowid;

create index runs_due on runs (due_at) where due_at is not null and (queue is null or status = 'WAITING');
create index runs_queued on runs (queue, priority, due_at, id) where queue is not null and status = 'ENQUEUED';
create index runs_in_queue on runs (queue, owner) where queue is not null and status in ('RUNNING', 'WAITING');
create index runs_owned on runs (owner) where owner is not null;
create index runs_children on runs (parent_id) where parent_id is not null;
create index runs_newest on runs (created_at desc, id desc);

create table steps (
  run_id text not null,
  key text not null,
  kind text not null,
  status text not null,
  epoch integer not null,
  attempts integer not null,
  started_at integer not null,
  completed_at integer not null,
  result text,
  error text,
  primary key (run_id, key)
) without rowid;

create table step_attempts (
  run_id text not null,
  key text not null,
  attempt integer not null,
  epoch integer not null,
  failed_at integer not null,
  retry_at integer not null,
  error text not null,
  primary key (run_id, key, attempt)
) without rowid;

create table workers (
  id text primary key,
  lease_until integer not null,
  started_at integer not null
) without rowid;

create table queues (
  name text primary key,
  concurrency integer,
  worker_concurrency integer,
  declared text not null
) without rowid;

create table schedules (
  name text primary key,
  cron text not null,
  time_zone text not null,
  started_up_to integer not null
) without rowid;
