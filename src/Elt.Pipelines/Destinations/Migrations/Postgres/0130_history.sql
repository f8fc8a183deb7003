alter table elt.users add column deleted_at timestamptz;

-- last_change_id: the last number given out in the stream's outbox. history_seq: the last run whose changes the history has followed.
alter table elt.sync_stream
  add column last_change_id bigint not null default 0,
  add column history_seq bigint;

-- Every state that a row of elt.users ever had, true from valid_from up to, not including, valid_to.
create table elt.users_history (
  organization_id text not null,
  connected_integration_id text not null,
  external_id text not null,
  version integer not null check (version >= 1),
  id uuid not null,
  name text,
  email text,
  attributes jsonb,
  valid_from timestamptz not null,
  valid_to timestamptz check (valid_to >= valid_from),
  is_current boolean not null generated always as (valid_to is null) stored,
  run_id text not null,
  primary key (organization_id, connected_integration_id, external_id, version));

create unique index users_history_current on elt.users_history (organization_id, connected_integration_id, external_id) where is_current;

-- The outbox: each change of a row of elt.users once. change_id counts within the stream, without gap and in the order of commits, because
-- it is given out under the lock of the stream's row.
create table elt.users_changes (
  organization_id text not null,
  connected_integration_id text not null,
  change_id bigint not null,
  run_id text not null,
  external_id text not null,
  change_type text not null check (change_type in ('INSERT', 'UPDATE', 'DELETE', 'RESTORE')),
  before jsonb,
  after jsonb,
  occurred_at timestamptz not null default now(),
  primary key (organization_id, connected_integration_id, change_id));
