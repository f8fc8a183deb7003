-- Whether the schedule runs it, and why not. What was connected before goes on running.
alter table connected_integrations add column state text not null default 'active' check (state in ('active', 'pending', 'needs_reauth', 'paused'));
alter table connected_integrations add column state_reason text;
