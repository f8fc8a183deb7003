CREATE TABLE migrations (number integer primary key, name text not null, hash text not null, applied_at integer not null);
insert into migrations (number, name, hash, applied_at) values (1, '0001_journal', '9c34a3c05e80c0e4a0029d248520ca9533cb94d213edfd1e60dfa953c2bcabb8', 1577858400000000);
CREATE TABLE runs (
  id text primary key,
  workflow text not null,
  version integer not null,
  status text not null,
  epoch integer not null,
  owner text,
  due_at integer,
  wake_count integer not null default 0,
  recoveries integer not null default 0,
  priority integer not null default 0,
  queue text,
  parent_id text,
  created_at integer not null,
  started_at integer,
  completed_at integer,
  input text not null,
  output text,
  error text
) without rowid;
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('asleep', 'golden-sleep', 1, 'WAITING', 1, NULL, 1577863200125000, 0, 0, 0, NULL, NULL, 1577859600050000, 1577859600050000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('begun', 'golden-steps', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, 1577859600000000, 1577859600000000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('dead', 'golden-steps', 1, 'MAX_RECOVERY_ATTEMPTS_EXCEEDED', 2, NULL, NULL, 0, 1, 0, NULL, NULL, 1577858400000000, 1577858400000000, 1577859600050000, '{}', NULL, '{"type":"MaxRecoveryAttemptsExceeded","message":"Its workers died 1 times. Resume it when the cause is found.","stack":null}');
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('delayed', 'golden-steps', 1, 'ENQUEUED', 0, NULL, 1577863200050000, 0, 0, 0, NULL, NULL, 1577859600050000, NULL, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('failed', 'golden-child', 1, 'ERROR', 1, NULL, NULL, 0, 0, 0, NULL, NULL, 1577859600000000, 1577859600000000, 1577859600125000, '{"name":"failed"}', NULL, '{"type":"System.InvalidOperationException","message":"Step \u0027one\u0027 failed: failed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('family', 'golden-family', 1, 'WAITING', 1, NULL, NULL, 3, 0, 0, NULL, NULL, 1577859600050000, 1577859600050000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('family/first', 'golden-child', 1, 'SUCCESS', 1, NULL, NULL, 0, 0, 0, NULL, 'family', 1577859600075000, 1577859600075000, 1577859600125000, '{"name":"first"}', '"first(family/first/one:then, family/first/two:then)"', NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('family/flawed', 'golden-child', 1, 'ERROR', 1, NULL, NULL, 0, 0, 0, NULL, 'family', 1577859600075000, 1577859600075000, 1577859600075000, '{"name":"flawed"}', NULL, '{"type":"System.InvalidOperationException","message":"Step \u0027one\u0027 failed: family/flawed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('family/open', 'golden-child', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, 'family', 1577859600075000, 1577859600075000, NULL, '{"name":"open"}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('family/queued', 'golden-child', 1, 'ENQUEUED', 0, NULL, 1577859600075000, 0, 0, 0, 'golden-queue', 'family', 1577859600075000, NULL, NULL, '{"name":"queued"}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('family/second', 'golden-child', 1, 'SUCCESS', 1, NULL, NULL, 0, 0, 0, NULL, 'family', 1577859600075000, 1577859600075000, 1577859600100000, '{"name":"second"}', '"second(family/second/one:then, family/second/two:then)"', NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('finished', 'golden-steps', 1, 'SUCCESS', 1, NULL, NULL, 0, 0, 0, NULL, NULL, 1577859600000000, 1577859600000000, 1577859600125000, '{}', '"finished/first:then, same id, same time, finished/loop:then, finished/loop:then, finished/loop:then, System.InvalidOperationException: finished/flaw failed then, finished/last:then"', NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('in-flight', 'golden-steps', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, 1577859600000000, 1577859600000000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('mapping', 'golden-map', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, 1577859600050000, 1577859600050000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('paid', 'golden-payment', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, 1577859600050000, 1577859600050000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('paying', 'golden-payment', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, 1577859600300000, 1577859600300000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('queued-1', 'golden-steps', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, 'golden-queue', NULL, 1577859600000000, 1577859600050000, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('queued-2', 'golden-steps', 1, 'ENQUEUED', 0, NULL, 1577859600050000, 0, 0, 5, 'golden-queue', NULL, 1577859600050000, NULL, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('queued-3', 'golden-steps', 1, 'ENQUEUED', 0, NULL, 1577859600050000, 0, 0, 1, 'golden-queue', NULL, 1577859600050000, NULL, NULL, '{}', NULL, NULL);
insert into runs (id, workflow, version, status, epoch, owner, due_at, wake_count, recoveries, priority, queue, parent_id, created_at, started_at, completed_at, input, output, error) values ('retrying', 'golden-retry', 1, 'WAITING', 1, NULL, 1577863810233835, 0, 0, 0, NULL, NULL, 1577859600050000, 1577859600050000, NULL, '{}', NULL, NULL);
CREATE TABLE steps (
  run_id text not null,
  key text not null,
  kind text not null,
  status text not null,
  epoch integer not null,
  attempts integer not null,
  started_at integer not null,
  completed_at integer not null,
  result text,
  error text,
  primary key (run_id, key)
) without rowid;
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('asleep', 'before', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"asleep/before:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('asleep', 'sleep', 'SLEEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"2020-01-01T07:20:00.125+00:00"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('failed', 'one', 'STEP', 'ERROR', 1, 1, 1577859600125000, 1577859600125000, NULL, '{"type":"System.InvalidOperationException","message":"failed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family', 'before', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"family/before:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family', 'first', 'CHILD', 'SUCCESS', 0, 1, 1577859600075000, 1577859600125000, '"first(family/first/one:then, family/first/two:then)"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family', 'flawed', 'CHILD', 'ERROR', 0, 1, 1577859600075000, 1577859600075000, NULL, '{"type":"System.InvalidOperationException","message":"Step \u0027one\u0027 failed: family/flawed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family', 'second', 'CHILD', 'SUCCESS', 0, 1, 1577859600075000, 1577859600100000, '"second(family/second/one:then, family/second/two:then)"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family/first', 'one', 'STEP', 'SUCCESS', 1, 1, 1577859600100000, 1577859600100000, '"family/first/one:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family/first', 'two', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"family/first/two:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family/flawed', 'one', 'STEP', 'ERROR', 1, 1, 1577859600075000, 1577859600075000, NULL, '{"type":"System.InvalidOperationException","message":"family/flawed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family/open', 'one', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"family/open/one:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family/second', 'one', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"family/second/one:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('family/second', 'two', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"family/second/two:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'first', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"finished/first:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'flaw', 'STEP', 'ERROR', 1, 1, 1577859600125000, 1577859600125000, NULL, '{"type":"System.InvalidOperationException","message":"finished/flaw failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'id', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"70c495ec-f47b-813d-866e-37c724a47c9d"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'last', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"finished/last:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'loop#2', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"finished/loop:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'loop#3', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"finished/loop:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'loop', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"finished/loop:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('finished', 'now', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"2020-01-01T06:20:00.125+00:00"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'first', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"in-flight/first:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'flaw', 'STEP', 'ERROR', 1, 1, 1577859600125000, 1577859600125000, NULL, '{"type":"System.InvalidOperationException","message":"in-flight/flaw failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'id', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"0eaea590-f232-8600-9644-05a23ef7f717"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'loop#2', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"in-flight/loop:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'loop#3', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"in-flight/loop:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'loop', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"in-flight/loop:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('in-flight', 'now', 'STEP', 'SUCCESS', 1, 1, 1577859600125000, 1577859600125000, '"2020-01-01T06:20:00.125+00:00"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('mapping', 'a/one', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"mapping/a/one:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('mapping', 'a/two', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"mapping/a/two:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('mapping', 'b/one', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"mapping/b/one:then"', NULL);
insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ('paid', 'pay', 'STEP', 'SUCCESS', 1, 1, 1577859600075000, 1577859600075000, '"paid/pay:then"', NULL);
CREATE TABLE step_attempts (
  run_id text not null,
  key text not null,
  attempt integer not null,
  epoch integer not null,
  failed_at integer not null,
  retry_at integer not null,
  error text not null,
  primary key (run_id, key, attempt)
) without rowid;
insert into step_attempts (run_id, key, attempt, epoch, failed_at, retry_at, error) values ('retrying', 'again', 1, 1, 1577859600125000, 1577863810233835, '{"type":"System.InvalidOperationException","message":"retrying/again failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
CREATE TABLE workers (
  id text primary key,
  lease_until integer not null,
  started_at integer not null
) without rowid;
insert into workers (id, lease_until, started_at) values ('worker-1', 1577860200000000, 1577859600000000);
CREATE TABLE queues (
  name text primary key,
  concurrency integer,
  worker_concurrency integer,
  declared text not null
) without rowid;
insert into queues (name, concurrency, worker_concurrency, declared) values ('golden-queue', 1, NULL, '1/');
insert into queues (name, concurrency, worker_concurrency, declared) values ('narrow', 2, NULL, '2/');
insert into queues (name, concurrency, worker_concurrency, declared) values ('wide', NULL, NULL, '/');
CREATE TABLE schedules (
  name text primary key,
  cron text not null,
  time_zone text not null,
  started_up_to integer not null
) without rowid;
insert into schedules (name, cron, time_zone, started_up_to) values ('golden-schedule', '0 0 1 1 *', 'UTC', 1577858400000000);
CREATE TABLE golden_effects (run text not null);
insert into golden_effects (run) values ('paid');
insert into golden_effects (run) values ('paying');
CREATE TABLE step_ledger (
  workflow_id text not null,
  step text not null,
  epoch integer not null,
  result text not null,
  recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  primary key (workflow_id, step)) without rowid;
insert into step_ledger (workflow_id, step, epoch, result, recorded_at) values ('paid', 'pay', 1, '"paid/pay:then"', '2026-11-21T06:52:04.700Z');
insert into step_ledger (workflow_id, step, epoch, result, recorded_at) values ('paying', 'pay', 1, '"paying/pay:then"', '2026-11-21T06:52:05.856Z');
CREATE TABLE step_fence (
  workflow_id text primary key,
  epoch integer not null) without rowid;
insert into step_fence (workflow_id, epoch) values ('paid', 1);
insert into step_fence (workflow_id, epoch) values ('paying', 1);
CREATE INDEX runs_due on runs (due_at) where due_at is not null and (queue is null or status = 'WAITING');
CREATE INDEX runs_queued on runs (queue, priority, due_at, id) where queue is not null and status = 'ENQUEUED';
CREATE INDEX runs_in_queue on runs (queue, owner) where queue is not null and status in ('RUNNING', 'WAITING');
CREATE INDEX runs_owned on runs (owner) where owner is not null;
CREATE INDEX runs_children on runs (parent_id) where parent_id is not null;
CREATE INDEX runs_newest on runs (created_at desc, id desc);
