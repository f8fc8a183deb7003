create table elt.users (
  organization_id text not null,
  connected_integration_id text not null,
  external_id text not null,
  id uuid not null,
  name text,
  email text,
  attributes jsonb,
  last_seq bigint not null,
  updated_at timestamptz not null default now(),
  primary key (organization_id, connected_integration_id, external_id));

-- The watermark of each stream; its row lock puts the syncs of a stream one after another.
create table elt.sync_stream (
  organization_id text not null,
  connected_integration_id text not null,
  dataset text not null,
  warehouse_id text,
  last_seq bigint not null,
  last_run_id text,
  synced_at timestamptz,
  primary key (organization_id, connected_integration_id, dataset));
