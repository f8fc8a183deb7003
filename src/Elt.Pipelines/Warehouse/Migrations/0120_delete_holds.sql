-- Deletes that wait for a person. At most one of an integration is open or approved; each run that holds anew closes the one before it, so that
-- nobody decides on more than was shown. since: when the deletes of the integration began to be held without a decision.
create table delete_holds (
  organization_id text not null,
  connected_integration_id text not null,
  hold integer not null,
  workflow_id text not null,
  run_seq integer not null,
  records integer not null,
  existing integer not null,
  reason text not null,
  is_unproven integer not null,
  since text not null,
  held_at text not null,
  state text not null check (state in ('open', 'approved', 'rejected', 'applied', 'lapsed', 'replaced', 'resolved')),
  decided_by text,
  decided_at text,
  note text,
  closed_by_run text,
  closed_at text,
  primary key (organization_id, connected_integration_id, hold)) without rowid;

create unique index delete_holds_current on delete_holds (organization_id, connected_integration_id) where state in ('open', 'approved');

-- The records of a hold, as long as it can still be decided on or applied.
create table delete_hold_records (
  organization_id text not null,
  connected_integration_id text not null,
  hold integer not null,
  external_id text not null,
  primary key (organization_id, connected_integration_id, hold, external_id)) without rowid;
