-- Until when a cancelled run was still delayed: resumed before, it waits for the rest.
alter table durable.runs add column delayed_until timestamptz;
