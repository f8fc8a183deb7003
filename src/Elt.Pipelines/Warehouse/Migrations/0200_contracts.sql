-- The fields of an integration's records and the types of their values, as complete runs have read and taken them; what else comes is new.
-- field: a JSON Pointer into the record, at most 200 characters. type: null, string, number, boolean, object or array.
create table source_fields (
  organization_id text not null,
  connected_integration_id text not null,
  field text not null,
  type text not null,
  workflow_id text not null,
  learnt_at text not null,
  primary key (organization_id, connected_integration_id, field, type)) without rowid;

-- What the page's records have that was not known: [["/field","type"],…]. It is known once the run is applied.
alter table extract_pages add column fields text;

-- The run was stopped while it was read, by a contract that freezes the form of records; the check of all its rows stands in the place of it.
alter table quality_runs add column frozen integer not null default 0;
