-- What asked for a new model, and what was decided: a run, or a skip with its reason.
create table if not exists retrain_decisions (
    organization_id text not null references organizations (organization_id),
    decision_id     text not null,
    cause           text not null,          -- weekly, performance, drift, outcomes
    detail          text not null,          -- what was seen, in words
    asked_at_ms     bigint not null,
    decided_at_ms   bigint null,            -- null while it waits
    is_started      integer not null,
    reason          text null,              -- why it was skipped
    run_id          text null,
    primary key (organization_id, decision_id)
);
create index if not exists ix_retrain_decisions_asked on retrain_decisions (organization_id, asked_at_ms);

alter table training_runs add column cause text not null default 'manual'; -- manual, or the cause of its decision
create index if not exists ix_outcome_history_recorded on outcome_history (organization_id, recorded_at_ms);
