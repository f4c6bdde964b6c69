-- When an organization's leads are active and how they answer; learned anew from time to time.
create table if not exists contact_norms (
    organization_id text collate "C" not null references organizations (organization_id),
    learned_at_ms   bigint not null,
    norms           text not null,          -- JSON, ContactNorms
    primary key (organization_id)
);

-- Append-only: one row whenever the action that is recommended for a lead changed.
create table if not exists recommended_actions (
    organization_id   text collate "C" not null,
    lead_id           text collate "C" not null,
    change            integer not null,     -- 1, 2, 3 ... per lead
    action_id         text not null,        -- none when nothing is allowed
    recommended_at_ms bigint not null,
    primary key (organization_id, lead_id, change)
);

-- What the team did; each is an event of its lead too.
create table if not exists actions_taken (
    organization_id text collate "C" not null,
    record_id       text collate "C" not null,
    lead_id         text collate "C" not null,
    action_id       text not null,
    channel         text not null,          -- empty when it binds none
    taken_at_ms     bigint not null,
    result          text null,              -- null until it is known
    result_at_ms    bigint null,
    recorded_at_ms  bigint not null,
    primary key (organization_id, record_id)
);
create index if not exists ix_actions_taken_lead on actions_taken (organization_id, lead_id, taken_at_ms);
