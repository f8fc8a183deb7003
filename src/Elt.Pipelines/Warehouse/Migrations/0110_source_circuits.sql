-- Integrations whose pages fail, one row each while they do: from so many on they are not asked before open_until.
create table source_circuits (
  organization_id text not null,
  connected_integration_id text not null,
  failed_pages integer not null,
  open_until text,
  last_error text not null,
  primary key (organization_id, connected_integration_id)) without rowid;
