create table connected_integrations (
  organization_id text not null,
  id text not null,
  provider text not null,
  provider_data text not null,
  primary key (organization_id, id)) without rowid;
