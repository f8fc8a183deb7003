-- Requests that count in a budget until so many milliseconds since 1970, by tenant; scope: whose requests count together.
create table elt.request_grants (
  scope text not null,
  tenant text not null,
  until bigint not null,
  requests bigint not null,
  primary key (scope, tenant, until));

-- Requests that wait for their turn since a time, are to come again when they are due, and are not waited for after until.
create table elt.request_waits (
  scope text not null,
  tenant text not null,
  request text not null,
  since bigint not null,
  due bigint not null,
  until bigint not null,
  primary key (scope, tenant, request));

-- What providers have said of their own count, when few requests were left.
create table elt.provider_windows (
  organization_id text not null,
  connected_integration_id text not null,
  remaining bigint not null,
  resets_at bigint not null,
  primary key (organization_id, connected_integration_id));
