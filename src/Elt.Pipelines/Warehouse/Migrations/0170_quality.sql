-- The connector that the page was mapped with: its rules judge the run.
alter table extract_pages add column connector text;

-- Rules that the rows of a run fail; pruned together with what the run has staged. place: which of the row's failures it is.
create table quality_failures (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  page integer not null,
  ordinal integer not null,
  place integer not null,
  external_id text,
  rule text not null,
  field text,
  kind text not null,
  severity text not null,
  action text not null,
  message text not null,
  primary key (organization_id, connected_integration_id, workflow_id, page, ordinal, place)) without rowid;

-- Rows as they came, for rules that may put them into quarantine when all are staged; pruned likewise.
create table staged_raw (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  page integer not null,
  ordinal integer not null,
  raw text,
  primary key (organization_id, connected_integration_id, workflow_id, page, ordinal)) without rowid;

-- What the check of each run has found. failure: why nothing of the run may be applied.
create table quality_runs (
  organization_id text not null,
  connected_integration_id text not null,
  run_seq integer not null,
  workflow_id text not null,
  checked_at text not null,
  records integer not null,
  invalid integer not null,
  quarantined integer not null,
  failure text,
  primary key (organization_id, connected_integration_id, run_seq),
  unique (organization_id, connected_integration_id, workflow_id)) without rowid;

create index quality_runs_by_time on quality_runs (checked_at);

-- The rules that a run failed, each with how many records failed it and the keys of a few. field: '' for the whole record.
create table quality_issues (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  rule text not null,
  field text not null,
  kind text not null,
  severity text not null,
  action text not null,
  records integer not null,
  sample text not null,
  message text not null,
  primary key (organization_id, connected_integration_id, workflow_id, rule, field)) without rowid;
