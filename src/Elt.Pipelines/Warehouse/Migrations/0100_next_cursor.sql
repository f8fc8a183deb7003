-- Where the page after this one is, for sources whose pages follow one another: a staged page need not be fetched again to go on.
alter table extract_pages add column next_cursor text;

create index extract_pages_by_cursor on extract_pages (organization_id, connected_integration_id, workflow_id, next_cursor);

-- The connectors that runs are pinned to: a run goes on with the mapping it began with, also after a deploy has changed it.
create table connectors (
  sha256 text primary key,
  name text not null,
  manifest text not null,
  first_used_at text not null) without rowid;
