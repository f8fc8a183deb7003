create table durable.runs (
  id text primary key,
  workflow text not null,
  version int not null,
  status text not null,
  epoch bigint not null,
  owner text,
  due_at timestamptz,
  wake_count bigint not null default 0,
  recoveries int not null default 0,
  priority int not null default 0,
  queue text,
  parent_id text,
  created_at timestamptz not null,
  started_at timestamptz,
  completed_at timestamptz,
  input text not null,
  output text,
  error text
) with (fillfactor = 80);

-- Each index holds only the rows that its question is about, so that finished runs cost the hot paths nothing.
create index runs_due on durable.runs (due_at) where due_at is not null and (queue is null or status = 'WAITING');
create index runs_queued on durable.runs (queue, priority, due_at, id) where queue is not null and status = 'ENQUEUED';
create index runs_in_queue on durable.runs (queue, owner) where queue is not null and status in ('RUNNING', 'WAITING');
create index runs_owned on durable.runs (owner) where owner is not null;
create index runs_children on durable.runs (parent_id) where parent_id is not null;
create index runs_newest on durable.runs (created_at desc, id desc);

create table durable.steps (
  run_id text not null,
  key text not null,
  kind text not null,
  status text not null,
  epoch bigint not null,
  attempts int not null,
  started_at timestamptz not null,
  completed_at timestamptz not null,
  result text,
  error text,
  primary key (run_id, key)
);

create table durable.step_attempts (
  run_id text not null,
  key text not null,
  attempt int not null,
  epoch bigint not null,
  failed_at timestamptz not null,
  retry_at timestamptz not null,
  error text not null,
  primary key (run_id, key, attempt)
);

create table durable.workers (
  id text primary key,
  lease_until timestamptz not null,
  started_at timestamptz not null,
  gone boolean not null default false
);

create table durable.queues (
  name text primary key,
  concurrency int,
  worker_concurrency int,
  declared text not null
);

create table durable.schedules (
  name text primary key,
  cron text not null,
  time_zone text not null,
  started_up_to timestamptz not null
);
