SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA durable;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE durable.golden_effects (
    run text NOT NULL
);
CREATE TABLE durable.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    hash text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE durable.queues (
    name text NOT NULL,
    concurrency integer,
    worker_concurrency integer,
    declared text NOT NULL
);
CREATE TABLE durable.runs (
    id text NOT NULL,
    workflow text NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    epoch bigint NOT NULL,
    owner text,
    due_at timestamp with time zone,
    wake_count bigint DEFAULT 0 NOT NULL,
    recoveries integer DEFAULT 0 NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    queue text,
    parent_id text,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    input text NOT NULL,
    output text,
    error text
)
WITH (fillfactor='80');
CREATE TABLE durable.schedules (
    name text NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    started_up_to timestamp with time zone NOT NULL
);
CREATE TABLE durable.step_attempts (
    run_id text NOT NULL,
    key text NOT NULL,
    attempt integer NOT NULL,
    epoch bigint NOT NULL,
    failed_at timestamp with time zone NOT NULL,
    retry_at timestamp with time zone NOT NULL,
    error text NOT NULL
);
CREATE TABLE durable.step_fence (
    workflow_id text NOT NULL,
    epoch bigint NOT NULL
);
CREATE TABLE durable.step_ledger (
    workflow_id text NOT NULL,
    step text NOT NULL,
    epoch bigint NOT NULL,
    result text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE durable.steps (
    run_id text NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    epoch bigint NOT NULL,
    attempts integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    completed_at timestamp with time zone NOT NULL,
    result text,
    error text
);
CREATE TABLE durable.workers (
    id text NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    gone boolean DEFAULT false NOT NULL
);
INSERT INTO durable.golden_effects VALUES ('paid');
INSERT INTO durable.golden_effects VALUES ('paying');
INSERT INTO durable.migrations VALUES (1, '0001_journal', '65f1c2bcf64a024c0655a137aaff2a6854e4a3109dae3cb05457722c78299b12', '2026-11-21 06:52:06.198058+00');
INSERT INTO durable.queues VALUES ('narrow', 2, NULL, '2/');
INSERT INTO durable.queues VALUES ('wide', NULL, NULL, '/');
INSERT INTO durable.queues VALUES ('golden-queue', 1, NULL, '1/');
INSERT INTO durable.runs VALUES ('begun', 'golden-steps', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('in-flight', 'golden-steps', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('dead', 'golden-steps', 1, 'MAX_RECOVERY_ATTEMPTS_EXCEEDED', 2, NULL, NULL, 0, 1, 0, NULL, NULL, '2020-01-01 06:00:00+00', '2020-01-01 06:00:00+00', '2020-01-01 06:20:00+00', '{}', NULL, '{"type":"MaxRecoveryAttemptsExceeded","message":"Its workers died 1 times. Resume it when the cause is found.","stack":null}');
INSERT INTO durable.runs VALUES ('failed', 'golden-child', 1, 'ERROR', 1, NULL, NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '{"name":"failed"}', NULL, '{"type":"System.InvalidOperationException","message":"Step \u0027one\u0027 failed: failed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.runs VALUES ('queued-1', 'golden-steps', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, 'golden-queue', NULL, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('queued-2', 'golden-steps', 1, 'ENQUEUED', 0, NULL, '2020-01-01 06:20:00.025+00', 0, 0, 5, 'golden-queue', NULL, '2020-01-01 06:20:00.025+00', NULL, NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('queued-3', 'golden-steps', 1, 'ENQUEUED', 0, NULL, '2020-01-01 06:20:00.025+00', 0, 0, 1, 'golden-queue', NULL, '2020-01-01 06:20:00.025+00', NULL, NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('delayed', 'golden-steps', 1, 'ENQUEUED', 0, NULL, '2020-01-01 07:20:00.025+00', 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00.025+00', NULL, NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('finished', 'golden-steps', 1, 'SUCCESS', 1, NULL, NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '2020-01-01 06:20:00.025+00', '{}', '"finished/first:then, same id, same time, finished/loop:then, finished/loop:then, finished/loop:then, System.InvalidOperationException: finished/flaw failed then, finished/last:then"', NULL);
INSERT INTO durable.runs VALUES ('mapping', 'golden-map', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('paid', 'golden-payment', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('family/open', 'golden-child', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, 'family', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{"name":"open"}', NULL, NULL);
INSERT INTO durable.runs VALUES ('family/queued', 'golden-child', 1, 'ENQUEUED', 0, NULL, '2020-01-01 06:20:00.025+00', 0, 0, 0, 'golden-queue', 'family', '2020-01-01 06:20:00.025+00', NULL, NULL, '{"name":"queued"}', NULL, NULL);
INSERT INTO durable.runs VALUES ('family/flawed', 'golden-child', 1, 'ERROR', 1, NULL, NULL, 0, 0, 0, NULL, 'family', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.075+00', '{"name":"flawed"}', NULL, '{"type":"System.InvalidOperationException","message":"Step \u0027one\u0027 failed: family/flawed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.runs VALUES ('paying', 'golden-payment', 1, 'RUNNING', 1, 'worker-1', NULL, 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00.3+00', '2020-01-01 06:20:00.3+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('family/first', 'golden-child', 1, 'SUCCESS', 1, NULL, NULL, 0, 0, 0, NULL, 'family', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.075+00', '{"name":"first"}', '"first(family/first/one:then, family/first/two:then)"', NULL);
INSERT INTO durable.runs VALUES ('family/second', 'golden-child', 1, 'SUCCESS', 1, NULL, NULL, 0, 0, 0, NULL, 'family', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.075+00', '{"name":"second"}', '"second(family/second/one:then, family/second/two:then)"', NULL);
INSERT INTO durable.runs VALUES ('asleep', 'golden-sleep', 1, 'WAITING', 1, NULL, '2020-01-01 07:20:00.025+00', 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('retrying', 'golden-retry', 1, 'WAITING', 1, NULL, '2020-01-01 07:26:35.977087+00', 0, 0, 0, NULL, NULL, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.runs VALUES ('family', 'golden-family', 1, 'WAITING', 1, NULL, NULL, 3, 0, 0, NULL, NULL, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{}', NULL, NULL);
INSERT INTO durable.schedules VALUES ('golden-schedule', '0 0 1 1 *', 'UTC', '2020-01-01 06:00:00+00');
INSERT INTO durable.step_attempts VALUES ('retrying', 'again', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 07:26:35.977087+00', '{"type":"System.InvalidOperationException","message":"retrying/again failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.step_fence VALUES ('paid', 1);
INSERT INTO durable.step_fence VALUES ('paying', 1);
INSERT INTO durable.step_ledger VALUES ('paid', 'pay', 1, '"paid/pay:then"', '2026-11-21 06:52:06.694923+00');
INSERT INTO durable.step_ledger VALUES ('paying', 'pay', 1, '"paying/pay:then"', '2026-11-21 06:52:06.787934+00');
INSERT INTO durable.steps VALUES ('failed', 'one', 'STEP', 'ERROR', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', NULL, '{"type":"System.InvalidOperationException","message":"failed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.steps VALUES ('finished', 'first', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '"finished/first:then"', NULL);
INSERT INTO durable.steps VALUES ('finished', 'id', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '"70c495ec-f47b-813d-866e-37c724a47c9d"', NULL);
INSERT INTO durable.steps VALUES ('in-flight', 'first', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '"in-flight/first:then"', NULL);
INSERT INTO durable.steps VALUES ('finished', 'now', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '"2020-01-01T06:20:00+00:00"', NULL);
INSERT INTO durable.steps VALUES ('in-flight', 'id', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '"0eaea590-f232-8600-9644-05a23ef7f717"', NULL);
INSERT INTO durable.steps VALUES ('finished', 'loop', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00+00', '2020-01-01 06:20:00+00', '"finished/loop:then"', NULL);
INSERT INTO durable.steps VALUES ('in-flight', 'now', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"2020-01-01T06:20:00+00:00"', NULL);
INSERT INTO durable.steps VALUES ('finished', 'loop#2', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"finished/loop:then"', NULL);
INSERT INTO durable.steps VALUES ('in-flight', 'loop', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"in-flight/loop:then"', NULL);
INSERT INTO durable.steps VALUES ('in-flight', 'loop#2', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"in-flight/loop:then"', NULL);
INSERT INTO durable.steps VALUES ('finished', 'loop#3', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"finished/loop:then"', NULL);
INSERT INTO durable.steps VALUES ('finished', 'flaw', 'STEP', 'ERROR', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{"type":"System.InvalidOperationException","message":"finished/flaw failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.steps VALUES ('in-flight', 'loop#3', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"in-flight/loop:then"', NULL);
INSERT INTO durable.steps VALUES ('in-flight', 'flaw', 'STEP', 'ERROR', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{"type":"System.InvalidOperationException","message":"in-flight/flaw failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.steps VALUES ('finished', 'last', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"finished/last:then"', NULL);
INSERT INTO durable.steps VALUES ('asleep', 'before', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"asleep/before:then"', NULL);
INSERT INTO durable.steps VALUES ('asleep', 'sleep', 'SLEEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"2020-01-01T07:20:00.025+00:00"', NULL);
INSERT INTO durable.steps VALUES ('family', 'before', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"family/before:then"', NULL);
INSERT INTO durable.steps VALUES ('mapping', 'b/one', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"mapping/b/one:then"', NULL);
INSERT INTO durable.steps VALUES ('mapping', 'a/one', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"mapping/a/one:then"', NULL);
INSERT INTO durable.steps VALUES ('family/open', 'one', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"family/open/one:then"', NULL);
INSERT INTO durable.steps VALUES ('family/flawed', 'one', 'STEP', 'ERROR', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', NULL, '{"type":"System.InvalidOperationException","message":"family/flawed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.steps VALUES ('family/second', 'one', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"family/second/one:then"', NULL);
INSERT INTO durable.steps VALUES ('family/first', 'one', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"family/first/one:then"', NULL);
INSERT INTO durable.steps VALUES ('mapping', 'a/two', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.025+00', '"mapping/a/two:then"', NULL);
INSERT INTO durable.steps VALUES ('family/first', 'two', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.075+00', '2020-01-01 06:20:00.075+00', '"family/first/two:then"', NULL);
INSERT INTO durable.steps VALUES ('family/second', 'two', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.075+00', '2020-01-01 06:20:00.075+00', '"family/second/two:then"', NULL);
INSERT INTO durable.steps VALUES ('family', 'flawed', 'CHILD', 'ERROR', 0, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.075+00', NULL, '{"type":"System.InvalidOperationException","message":"Step \u0027one\u0027 failed: family/flawed/one failed then","stack":"   at Elt.Durable.Tests.Golden.GoldenWorld.StepAsync(String step, CancellationToken ct)\n   at Elt.Durable.Execution.RunExecution.AttemptAsync[T](StepIdentity identity, Func\u00603 body)"}');
INSERT INTO durable.steps VALUES ('family', 'first', 'CHILD', 'SUCCESS', 0, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.075+00', '"first(family/first/one:then, family/first/two:then)"', NULL);
INSERT INTO durable.steps VALUES ('family', 'second', 'CHILD', 'SUCCESS', 0, 1, '2020-01-01 06:20:00.025+00', '2020-01-01 06:20:00.075+00', '"second(family/second/one:then, family/second/two:then)"', NULL);
INSERT INTO durable.steps VALUES ('paid', 'pay', 'STEP', 'SUCCESS', 1, 1, '2020-01-01 06:20:00.05+00', '2020-01-01 06:20:00.2+00', '"paid/pay:then"', NULL);
INSERT INTO durable.workers VALUES ('worker-1', '2020-01-01 06:30:00+00', '2020-01-01 06:20:00+00', false);
ALTER TABLE ONLY durable.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY durable.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (name);
ALTER TABLE ONLY durable.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY durable.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);
ALTER TABLE ONLY durable.step_attempts
    ADD CONSTRAINT step_attempts_pkey PRIMARY KEY (run_id, key, attempt);
ALTER TABLE ONLY durable.step_fence
    ADD CONSTRAINT step_fence_pkey PRIMARY KEY (workflow_id);
ALTER TABLE ONLY durable.step_ledger
    ADD CONSTRAINT step_ledger_pkey PRIMARY KEY (workflow_id, step);
ALTER TABLE ONLY durable.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (run_id, key);
ALTER TABLE ONLY durable.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);
CREATE INDEX runs_children ON durable.runs USING btree (parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX runs_due ON durable.runs USING btree (due_at) WHERE ((due_at IS NOT NULL) AND ((queue IS NULL) OR (status = 'WAITING'::text)));
CREATE INDEX runs_in_queue ON durable.runs USING btree (queue, owner) WHERE ((queue IS NOT NULL) AND (status = ANY (ARRAY['RUNNING'::text, 'WAITING'::text])));
CREATE INDEX runs_newest ON durable.runs USING btree (created_at DESC, id DESC);
CREATE INDEX runs_owned ON durable.runs USING btree (owner) WHERE (owner IS NOT NULL);
CREATE INDEX runs_queued ON durable.runs USING btree (queue, priority, due_at, id) WHERE ((queue IS NOT NULL) AND (status = 'ENQUEUED'::text));
