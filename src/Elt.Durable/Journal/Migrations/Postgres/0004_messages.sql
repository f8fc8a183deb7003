-- The number keeps the order in which messages came in; ids of runs and keys are compared byte by byte.
create table durable.messages (
  run_id text collate "C" not null,
  idempotency_key text collate "C" not null,
  number bigint generated always as identity,
  topic text collate "C" not null,
  payload text not null,
  sender text collate "C",
  sent_at timestamptz not null,
  received_by text collate "C",
  primary key (run_id, idempotency_key)
);

create index messages_waiting on durable.messages (run_id, topic, number) where received_by is null;

create table durable.stream_entries (
  run_id text collate "C" not null,
  kind text collate "C" not null,
  name text collate "C" not null,
  position bigint not null,
  step_key text collate "C" not null,
  value text not null,
  written_at timestamptz not null,
  primary key (run_id, kind, name, position),
  unique (run_id, step_key)
);

create table durable.event_waiters (
  run_id text collate "C" not null,
  waiting_run text collate "C" not null,
  primary key (run_id, waiting_run)
);
