-- Runs of an integration in the order in which they acquired it. The newest run_seq is the fence of the warehouse.
create table pipeline_runs (
  organization_id text not null,
  connected_integration_id text not null,
  run_seq integer not null,
  workflow_id text not null,
  state text not null check (state in ('acquired', 'detected', 'applied')),
  acquired_at text not null,
  detected_at text,
  applied_at text,
  staged integer,
  inserts integer,
  updates integer,
  deletes integer,
  deletes_held integer,
  hold_reason text,
  primary key (organization_id, connected_integration_id, run_seq),
  unique (organization_id, connected_integration_id, workflow_id)) without rowid;

-- One row per staged page: what proves that an extract is complete.
create table extract_pages (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  page integer not null,
  rows integer not null,
  unreadable_keys integer not null,
  is_last integer not null,
  total_pages integer,
  declared_total integer,
  keys_digest text,
  staged_at text not null,
  primary key (organization_id, connected_integration_id, workflow_id, page)) without rowid;

create index extract_pages_by_keys on extract_pages (organization_id, connected_integration_id, workflow_id, keys_digest);

create table users_staging (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  page integer not null,
  ordinal integer not null,
  id text not null,
  external_id text not null,
  name text,
  email text,
  attributes text,
  created_at text not null,
  primary key (organization_id, connected_integration_id, workflow_id, page, ordinal)) without rowid;

create table users_cdc (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  external_id text not null,
  id text not null,
  name text,
  email text,
  attributes text,
  change_type text not null check (change_type in ('INSERT', 'UPDATE', 'DELETE')),
  changed_fields text,
  detected_at text not null,
  primary key (organization_id, connected_integration_id, workflow_id, external_id)) without rowid;

create table users_latest (
  organization_id text not null,
  connected_integration_id text not null,
  external_id text not null,
  id text not null,
  name text,
  email text,
  attributes text,
  last_updated text not null,
  primary key (organization_id, connected_integration_id, external_id)) without rowid;

-- Tells a destination whether the numbers of two runs can be compared: they come from the same file.
create table warehouse_identity (warehouse_id text not null);

insert into warehouse_identity (warehouse_id) values (lower(hex(randomblob(16))));
