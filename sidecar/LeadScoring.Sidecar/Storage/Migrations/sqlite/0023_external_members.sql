-- Tree members that were trained elsewhere, on their way into a model: zip; emptied when the run ends.
alter table training_runs add column external_members blob null;
