-- The same table with another spelling of the check on change_type, for the reason that 0220 gives.
create table users_cdc_0240 (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  external_id text not null,
  id text not null,
  name text,
  email text,
  attributes text,
  change_type text not null check (change_type = 'INSERT' or change_type = 'UPDATE' or change_type = 'DELETE'),
  changed_fields text,
  detected_at text not null,
  resurrected integer not null default 0,
  updated_at text,
  primary key (organization_id, connected_integration_id, workflow_id, external_id)) without rowid;

insert into users_cdc_0240 (organization_id, connected_integration_id, workflow_id, external_id, id, name, email, attributes, change_type, changed_fields, detected_at, resurrected, updated_at)
select organization_id, connected_integration_id, workflow_id, external_id, id, name, email, attributes, change_type, changed_fields, detected_at, resurrected, updated_at from users_cdc;

drop table users_cdc;

alter table users_cdc_0240 rename to users_cdc;
