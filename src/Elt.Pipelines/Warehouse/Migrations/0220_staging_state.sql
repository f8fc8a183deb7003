-- The same table with another spelling of the check on state: a list of more than two values becomes a table of its own for each row that is inserted.
create table users_staging_0220 (
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
  state text not null default 'present'
    check (state = 'present' or state = 'removed' or state = 'deleted' or state = 'outofscope' or state = 'quarantined'),
  updated_at text,
  primary key (organization_id, connected_integration_id, workflow_id, page, ordinal)) without rowid;

insert into users_staging_0220 (organization_id, connected_integration_id, workflow_id, page, ordinal, id, external_id, name, email, attributes, created_at, state, updated_at)
select organization_id, connected_integration_id, workflow_id, page, ordinal, id, external_id, name, email, attributes, created_at, state, updated_at from users_staging;

drop table users_staging;

alter table users_staging_0220 rename to users_staging;
