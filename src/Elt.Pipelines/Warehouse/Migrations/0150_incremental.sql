-- Whether a run reads everything or only changes, decided once at its start. cursor: what it asks for changes by; forgotten when a later run begins.
-- pass: 1 when the source had forgotten the changes, and the run began again with everything.
create table run_readings (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  mode text not null check (mode in ('full', 'incremental')),
  reason text,
  pass integer not null default 0,
  source_sha256 text not null,
  cursor text,
  begun_at text not null,
  primary key (organization_id, connected_integration_id, workflow_id)) without rowid;

-- What the next run of an integration asks for changes by: a delta link, or when the latest record seen was changed. It moves when a run is applied.
create table reading_cursors (
  organization_id text not null,
  connected_integration_id text not null,
  source_sha256 text not null,
  cursor text not null,
  full_at text not null,
  workflow_id text not null,
  moved_at text not null,
  primary key (organization_id, connected_integration_id)) without rowid;

-- Where the changes after this page's round are asked for; on the last page of a round.
alter table extract_pages add column delta_link text;
