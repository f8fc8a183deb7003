-- Only for lists that go by nothing which has an index of its own, and say so in these words: the list of a workflow of few and old runs was planned as a walk
-- through all newer ones.
drop index durable.runs_newest;
create index runs_newest on durable.runs (created_at, id) where completed_at > '-infinity';
