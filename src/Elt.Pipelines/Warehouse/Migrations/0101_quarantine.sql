-- What the source says of a staged record: present, removed, deleted, outofscope; or quarantined, when it is there and cannot be taken.
alter table users_staging add column state text not null default 'present'
  check (state in ('present', 'removed', 'deleted', 'outofscope', 'quarantined'));

-- Records that could not be taken, each once: under its external id, or under run, page and ordinal when it has none.
create table users_quarantine (
  organization_id text not null,
  connected_integration_id text not null,
  record_key text not null,
  external_id text,
  workflow_id text not null,
  page integer not null,
  ordinal integer not null,
  raw text,
  reasons text not null,
  state text not null check (state in ('open', 'resolved')),
  runs integer not null,
  first_seen_at text not null,
  last_seen_at text not null,
  primary key (organization_id, connected_integration_id, record_key)) without rowid;

alter table pipeline_runs add column quarantined integer not null default 0;
