-- Missing records that the source of a run is asked for one by one, and what it says; pruned together with what the run has staged. place: 0 is a record that
-- the run has read, which shows whether records are found at all.
create table record_confirmations (
  organization_id text not null,
  connected_integration_id text not null,
  workflow_id text not null,
  place integer not null,
  external_id text not null,
  answer text check (answer in ('there', 'gone', 'unknown')),
  primary key (organization_id, connected_integration_id, workflow_id, place)) without rowid;
