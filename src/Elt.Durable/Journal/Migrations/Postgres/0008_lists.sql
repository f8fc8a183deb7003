-- Only for lists that go by nothing which has an index of its own, and say so in these words: the list of a workflow of few and old runs was planned as a walk
-- through all newer ones.
drop index durable.runs_newest;
create index runs_newest on durable.runs (created_at, id) where completed_at > '-infinity';
-- One status is read after the other: the list of a status that few have walked through all that failed.
drop index durable.runs_failed;
create index runs_failed on durable.runs (status, created_at, id) where completed_at is not null and status in ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
