-- What a person has decided on a record in quarantine.
alter table users_quarantine add column discarded_by text;
alter table users_quarantine add column discarded_at text;
alter table users_quarantine add column replayed_by text;
alter table users_quarantine add column replayed_at text;
