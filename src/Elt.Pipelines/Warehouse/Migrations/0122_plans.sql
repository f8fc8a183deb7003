-- The newest plan of each integration. It stages under its own id without acquiring the integration: no run is fenced by it.
create table plan_runs (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  base_seq integer not null,
  started_at text not null,
  completed_at text,
  summary text,
  primary key (organization_id, connected_integration_id)) without rowid;

-- The first changes of each type that the newest plan found.
create table plan_changes (
  organization_id text not null,
  connected_integration_id text not null,
  change_type text not null,
  external_id text not null,
  changed_fields text,
  primary key (organization_id, connected_integration_id, change_type, external_id)) without rowid;
