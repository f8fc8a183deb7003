-- Whether another run has ever waited for this one's events: the end of a run that nobody awaits looks for no waiters. A trigger sees to it, since workers of older
-- versions register waiters too while a deploy rolls.
alter table durable.runs add column awaited boolean not null default false;
create function durable.mark_awaited() returns trigger language plpgsql as $$
begin
  update durable.runs set awaited = true where id = new.run_id and not awaited;
  return null;
end $$;
create trigger mark_awaited after insert on durable.event_waiters for each row execute function durable.mark_awaited();
update durable.runs set awaited = true where id in (select run_id from durable.event_waiters);
