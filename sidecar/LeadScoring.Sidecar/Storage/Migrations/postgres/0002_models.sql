create table if not exists models (
    organization_id text collate "C" not null references organizations (organization_id),
    version         integer not null,
    origin          text not null,          -- trained or imported
    features_hash   text not null,          -- FeatureProfile.FeaturesHash: which profiles it fits
    manifest        text not null,          -- manifest.json of the bundle
    created_at_ms   bigint not null,
    primary key (organization_id, version)
);

-- Apart from models, so that listing versions does not drag megabytes along.
create table if not exists model_bundles (
    organization_id text collate "C" not null,
    version         integer not null,
    bundle          bytea not null,          -- zip; immutable
    primary key (organization_id, version)
);

-- The champion is the version of the newest row: one champion by construction, and the way back is kept.
create table if not exists promotions (
    organization_id text collate "C" not null references organizations (organization_id),
    change          integer not null,
    version         integer not null,
    previous        integer null,           -- champion before
    reason          text not null,
    promoted_at_ms  bigint not null,
    primary key (organization_id, change)
);

create table if not exists training_runs (
    organization_id text collate "C" not null references organizations (organization_id),
    run_id          text collate "C" not null,
    status          text not null,          -- queued, running, succeeded, failed, cancelled
    stage           text not null,
    fraction        double precision not null,
    settings        text not null,          -- JSON, TrainingSettings
    promote         text not null,          -- auto, always, never
    model_version   integer null,
    is_promoted     smallint not null,
    reason          text null,              -- why it failed, or why the model was or was not promoted
    created_at_ms   bigint not null,
    started_at_ms   bigint null,
    heartbeat_ms    bigint null,
    finished_at_ms  bigint null,
    primary key (organization_id, run_id)
);
-- One run at a time per organization, whatever replicas do.
create unique index if not exists ux_training_runs_open on training_runs (organization_id) where status in ('queued', 'running');
