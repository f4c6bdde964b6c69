-- Every key starts with organization_id: isolation today, the distribution key of a sharded database tomorrow.
-- Moments are Unix milliseconds; truth values are 0 and 1.

create table if not exists organizations (
    organization_id text collate "C" not null primary key,
    name            text collate "C" not null,
    created_at_ms   bigint not null
);

create table if not exists api_keys (
    organization_id text collate "C" not null references organizations (organization_id),
    key_id          text collate "C" not null,
    name            text collate "C" not null,
    scope           text not null,
    secret_sha256   bytea not null,
    created_at_ms   bigint not null,
    revoked_at_ms   bigint null,
    primary key (organization_id, key_id)
);
-- A request brings the key id only; the organization follows from it.
create unique index if not exists ux_api_keys_key_id on api_keys (key_id);

create table if not exists profiles (
    organization_id text collate "C" not null references organizations (organization_id),
    version         integer not null,
    name            text collate "C" not null,
    yaml            text not null,
    hash            text not null,
    is_active       smallint not null,
    created_at_ms   bigint not null,
    primary key (organization_id, version)
);
create unique index if not exists ux_profiles_active on profiles (organization_id) where is_active = 1;

create table if not exists leads (
    organization_id text collate "C" not null references organizations (organization_id),
    lead_id         text collate "C" not null,
    attributes      text not null,          -- JSON object, names in ordinal order
    created_at_ms   bigint null,            -- when the lead came into the pipeline; null when nobody said
    updated_at_ms   bigint not null,
    activity        bytea not null,          -- ActivityState.ToBytes(), empty before the first event
    revision        bigint not null,        -- grows with every change of attributes or activity
    is_stale        smallint not null,       -- changed since it was last scored
    stale_since_ms  bigint null,
    closed_at_ms    bigint null,            -- has an outcome: not rescored by itself, not called
    -- The latest score stands on the lead: lists by grade read one table, and "scored" and "no longer stale" are one write.
    score           double precision null,
    grade           text null,
    probability     double precision null,
    confidence      double precision null,
    model_version   integer null,           -- null when scored by rules
    scored_by       text null,              -- ensemble, primary or rules
    scored_at_ms    bigint null,
    primary key (organization_id, lead_id)
);
create index if not exists ix_leads_updated on leads (organization_id, updated_at_ms, lead_id);
create index if not exists ix_leads_score on leads (organization_id, score, lead_id);
create index if not exists ix_leads_stale on leads (stale_since_ms) where is_stale = 1 and closed_at_ms is null;

create table if not exists events (
    organization_id text collate "C" not null,
    event_id        text collate "C" not null,
    lead_id         text collate "C" not null,
    type            text not null,
    source          text collate "C" not null,
    occurred_at_ms  bigint not null,
    received_at_ms  bigint not null,
    properties      text null,              -- JSON object of scalars
    primary key (organization_id, event_id)
);
create index if not exists ix_events_lead on events (organization_id, lead_id, occurred_at_ms);

create table if not exists outcomes (
    organization_id text collate "C" not null,
    lead_id         text collate "C" not null,
    source          text collate "C" not null,
    converted       smallint not null,
    occurred_at_ms  bigint not null,
    as_of_ms        bigint null,            -- decision moment to which training replays the features
    revenue         double precision null,
    stage           text null,
    recorded_at_ms  bigint not null,
    primary key (organization_id, lead_id, source)
);

-- Every change of an outcome, reversals included: labels must be explainable later.
create table if not exists outcome_history (
    organization_id text collate "C" not null,
    lead_id         text collate "C" not null,
    source          text collate "C" not null,
    change          integer not null,
    reversed        smallint not null,
    converted       smallint null,
    occurred_at_ms  bigint null,
    as_of_ms        bigint null,
    revenue         double precision null,
    stage           text null,
    recorded_at_ms  bigint not null,
    primary key (organization_id, lead_id, source, change)
);

create table if not exists imports (
    organization_id text collate "C" not null references organizations (organization_id),
    import_id       text collate "C" not null,          -- SHA-256 over file content, kind and mapping
    kind            text not null,
    file_sha256     text not null,
    rows_done       bigint not null,        -- data rows read and committed; a resumed import starts after them
    report          text not null,          -- JSON: counts and first faults so far
    is_done         smallint not null,
    started_at_ms   bigint not null,
    updated_at_ms   bigint not null,
    primary key (organization_id, import_id)
);
