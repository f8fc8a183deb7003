-- Whether the schedule runs it, and why not. What was connected before goes on running.
alter table elt.connected_integrations add column state text not null default 'active' check (state in ('active', 'pending', 'needs_reauth', 'paused'));
alter table elt.connected_integrations add column state_reason text;
