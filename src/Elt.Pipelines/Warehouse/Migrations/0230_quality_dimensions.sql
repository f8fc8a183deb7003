-- How many records of a run fail error or critical rules of each dimension; null where nothing was expected. weighted_score: hundredths of a percent.
alter table quality_runs add column incomplete integer;
alter table quality_runs add column malformed integer;
alter table quality_runs add column repeated integer;
alter table quality_runs add column stale integer;
alter table quality_runs add column weighted_score integer;
