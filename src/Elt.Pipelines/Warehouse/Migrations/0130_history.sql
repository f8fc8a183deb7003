-- Every state that a record ever had in latest, each with the time that it was true: from valid_from up to, not including, valid_to.
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
  workflow_id text,
  primary key (organization_id, connected_integration_id, external_id, version)) without rowid;

create unique index users_history_current on users_history (organization_id, connected_integration_id, external_id) where is_current = 1;

insert into users_history (organization_id, connected_integration_id, external_id, version, id, name, email, attributes, valid_from)
select organization_id, connected_integration_id, external_id, 1, id, name, email, attributes, last_updated from users_latest;
