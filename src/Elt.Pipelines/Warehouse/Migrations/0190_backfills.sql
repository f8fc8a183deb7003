-- When the source says that the values of a record were changed, where it does: a backfill overwrites nothing that is newer.
alter table users_latest add column updated_at text;
alter table users_cdc add column updated_at text;

-- Records of a page that say when they were changed.
alter table extract_pages add column dated integer not null default 0;

-- A backfill is a run that proves nothing of what it has not read. left_alone: its records that were not taken, because what is there is newer.
alter table pipeline_runs add column kind text not null default 'run' check (kind in ('run', 'backfill'));
alter table pipeline_runs add column left_alone integer not null default 0;

-- The backfill of an integration that is under way. It stages under its own id without acquiring the integration; it acquires it when it is merged, which ends it here.
create table backfill_runs (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  dataset text not null,
  range_from text not null,
  range_to text,
  asks_since integer not null,
  started_at text not null,
  primary key (organization_id, connected_integration_id)) without rowid;
