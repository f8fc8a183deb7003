-- What a run feeds; all runs of an integration feed the same dataset.
alter table pipeline_runs add column dataset text not null default 'users';
alter table plan_runs add column dataset text not null default 'users';
