alter table users add column deleted_at text;

-- last_change_id: the last number given out in the stream's outbox. history_seq: the last run whose changes the history has followed.
alter table sync_stream add column last_change_id integer not null default 0;
alter table sync_stream add column history_seq integer;

-- Every state that a row of users ever had, true from valid_from up to, not including, valid_to.
create table users_history (
  organization_id text not null,
  connected_integration_id text not null,
  external_id text not null,
  version integer not null check (version >= 1),
  id text not null,
  name text,
  email text,
  attributes text,
  valid_from text not null,
  valid_to text check (valid_to >= valid_from),
  is_current integer not null default 1 check (is_current = (valid_to is null)),
  run_id text not null,
  primary key (organization_id, connected_integration_id, external_id, version)) without rowid;

create unique index users_history_current on users_history (organization_id, connected_integration_id, external_id) where is_current = 1;

-- The outbox: each change of a row of users once. change_id counts within the stream, without gap and in the order of commits.
create table users_changes (
  organization_id text not null,
  connected_integration_id text not null,
  change_id integer not null,
  run_id text not null,
  external_id text not null,
  change_type text not null check (change_type in ('INSERT', 'UPDATE', 'DELETE', 'RESTORE')),
  before text,
  after text,
  occurred_at text not null,
  primary key (organization_id, connected_integration_id, change_id)) without rowid;
