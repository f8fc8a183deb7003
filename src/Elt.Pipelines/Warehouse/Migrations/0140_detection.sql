-- When the source says that a record was last changed: of several records with one key the one that was changed last counts.
alter table users_staging add column updated_at text;

-- What a record's absence from the page's source proves: 0 that it is gone, 1 that it is when the total held, 2 nothing before it is missing again.
alter table extract_pages add column absence integer not null default 0;

-- Records that complete runs have missed one after another, while absence did not prove that they are gone.
create table users_missing (
  organization_id text not null,
  connected_integration_id text not null,
  external_id text not null,
  runs integer not null,
  last_seq integer not null,
  primary key (organization_id, connected_integration_id, external_id)) without rowid;

-- Records that were deleted and have not come back: their own id, which is a hash, and nothing else of them.
create table users_tombstones (
  organization_id text not null,
  connected_integration_id text not null,
  id text not null,
  deleted_at text not null,
  primary key (organization_id, connected_integration_id, id)) without rowid;

insert into users_tombstones (organization_id, connected_integration_id, id, deleted_at)
select c.organization_id, c.connected_integration_id, c.id, max(c.detected_at)
from users_cdc c
join pipeline_runs r on r.organization_id = c.organization_id and r.connected_integration_id = c.connected_integration_id
  and r.workflow_id = c.workflow_id and r.state = 'applied'
left join users_latest l on l.organization_id = c.organization_id and l.connected_integration_id = c.connected_integration_id
  and l.external_id = c.external_id
where c.change_type = 'DELETE' and l.external_id is null
group by c.organization_id, c.connected_integration_id, c.id;

alter table users_cdc add column resurrected integer not null default 0;

alter table pipeline_runs add column resurrected integer not null default 0;
alter table pipeline_runs add column duplicates integer not null default 0;
alter table pipeline_runs add column deletes_unconfirmed integer not null default 0;
alter table pipeline_runs add column unconfirmed_reason text;
