-- The number keeps the order in which messages came in.
create table messages (
  number integer primary key autoincrement,
  run_id text not null,
  idempotency_key text not null,
  topic text not null,
  payload text not null,
  sender text,
  sent_at integer not null,
  received_by text,
  unique (run_id, idempotency_key)
);

create index messages_waiting on messages (run_id, topic, number) where received_by is null;

create table stream_entries (
  run_id text not null,
  kind text not null,
  name text not null,
  position integer not null,
  step_key text not null,
  value text not null,
  written_at integer not null,
  primary key (run_id, kind, name, position),
  unique (run_id, step_key)
) without rowid;

create table event_waiters (
  run_id text not null,
  waiting_run text not null,
  primary key (run_id, waiting_run)
) without rowid;
