-- Requests that count in a budget until so many milliseconds since 1970, by tenant; scope: whose requests count together.
create table request_grants (
  scope text not null,
  tenant text not null,
  until integer not null,
  requests integer not null,
  primary key (scope, tenant, until)) without rowid;

-- Requests that wait for their turn since a time, are to come again when they are due, and are not waited for after until.
create table request_waits (
  scope text not null,
  tenant text not null,
  request text not null,
  since integer not null,
  due integer not null,
  until integer not null,
  primary key (scope, tenant, request)) without rowid;

-- What providers have said of their own count, when few requests were left.
create table provider_windows (
  organization_id text not null,
  connected_integration_id text not null,
  remaining integer not null,
  resets_at integer not null,
  primary key (organization_id, connected_integration_id)) without rowid;
