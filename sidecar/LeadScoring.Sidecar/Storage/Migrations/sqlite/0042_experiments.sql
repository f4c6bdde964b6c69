-- The version that is tried beside the champion: what scoring has to know of an experiment. One at a time an organization; another champion ends it.
create table if not exists model_trials (
    organization_id text not null primary key references organizations (organization_id),
    experiment_id   text not null,
    kind            text not null,          -- shadow, split or interleaved
    champion        integer not null,
    version         integer not null,       -- challenger
    salt            text not null,
    share           double precision not null, -- of leads for the challenger
    started_at_ms   bigint not null
);

-- Experiments with the rule that was written down before the first lead, and what came of them.
create table if not exists experiments (
    organization_id text not null references organizations (organization_id),
    experiment_id   text not null,
    name            text not null,
    kind            text not null,
    champion        integer not null,
    challenger      integer not null,
    share           double precision not null,
    salt            text not null,
    rule            text not null,          -- JSON, ExperimentRule
    promotes        integer not null,        -- whether a challenger that wins becomes the champion by itself
    next            text null,              -- JSON, NextStage: what follows when the challenger wins; null: nothing
    forecast        text not null,          -- JSON, as it was told at the start
    state           text not null,          -- running, decided or stopped
    decision        text null,              -- promote or keep; null while it runs
    reason          text null,
    figures         text null,              -- JSON, ExperimentFigures, as of checked_at_ms
    started_at_ms   bigint not null,
    checked_at_ms   bigint null,
    ended_at_ms     bigint null,
    primary key (organization_id, experiment_id)
);
create unique index if not exists ux_experiments_running on experiments (organization_id) where state = 'running';

-- Leads of experiments, each with its arm from its first exposure on.
create table if not exists experiment_leads (
    organization_id text not null,
    experiment_id   text not null,
    lead_id         text not null,
    is_challenger   integer not null,        -- arm; 0 in a shadow
    exposed_at_ms   bigint not null,
    place           integer not null,       -- on the interleaved list; 0 elsewhere
    champion_probability   double precision null, -- null where that model was not asked
    challenger_probability double precision null,
    is_waiting      integer not null,        -- for the shadow's score
    primary key (organization_id, experiment_id, lead_id)
);
create index if not exists ix_experiment_leads_waiting on experiment_leads (organization_id, experiment_id, exposed_at_ms, lead_id) where is_waiting = 1;
create index if not exists ix_experiment_leads_lead on experiment_leads (organization_id, lead_id);
