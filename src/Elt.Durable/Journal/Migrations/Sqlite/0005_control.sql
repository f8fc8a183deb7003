-- Until when a cancelled run was still delayed: resumed before, it waits for the rest.
alter table runs add column delayed_until integer;
