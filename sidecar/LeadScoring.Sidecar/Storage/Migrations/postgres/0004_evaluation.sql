-- A non-conversion that is stated final counts at once; one that is not waits for the horizon. Null: nothing was said.
alter table outcomes add column is_final smallint null;
alter table outcome_history add column is_final smallint null;

-- How a training run is judged, and what it has to say besides its reason.
alter table training_runs add column evaluation text not null default '{}'; -- JSON, EvaluationSettings
alter table training_runs add column notes text null;

-- Anchors of a model's probabilities; the newest row is in force. Versions themselves never change.
create table if not exists model_anchors (
    organization_id text collate "C" not null,
    version         integer not null,
    change          integer not null,
    anchor          text not null,          -- JSON, Anchor
    origin          text not null,          -- training, or outcomes
    created_at_ms   bigint not null,
    primary key (organization_id, version, change)
);
