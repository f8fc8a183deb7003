create table users (
  organization_id text not null,
  connected_integration_id text not null,
  external_id text not null,
  id text not null,
  name text,
  email text,
  attributes text,
  last_seq integer not null,
  updated_at text not null,
  primary key (organization_id, connected_integration_id, external_id)) without rowid;

create table sync_stream (
  organization_id text not null,
  connected_integration_id text not null,
  dataset text not null,
  warehouse_id text not null,
  last_seq integer not null,
  last_run_id text not null,
  synced_at text not null,
  primary key (organization_id, connected_integration_id, dataset)) without rowid;
