-- Whether an outcome was stated final, by the change of outcome_history it came with: labels must be explainable later. Nothing was said where there is no row.
create table if not exists outcome_finality (
    organization_id text not null,
    lead_id         text not null,
    source          text not null,
    change          integer not null,
    is_final        integer not null,
    primary key (organization_id, lead_id, source, change)
) without rowid;

-- How a training run is judged, and what it has to say besides its reason.
create table if not exists training_run_notes (
    organization_id text not null,
    run_id          text not null,
    evaluation      text not null,          -- JSON, EvaluationSettings
    notes           text null,
    primary key (organization_id, run_id)
);

-- Anchors of a model's probabilities; the newest row is in force. Versions themselves never change.
create table if not exists model_anchors (
    organization_id text not null,
    version         integer not null,
    change          integer not null,
    anchor          text not null,          -- JSON, Anchor
    origin          text not null,          -- training, or outcomes
    created_at_ms   bigint not null,
    primary key (organization_id, version, change)
);
