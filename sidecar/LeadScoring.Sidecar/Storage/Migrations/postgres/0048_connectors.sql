-- How far each walk through an account is: written with the records of its pages.
create table if not exists connector_cursors (
    organization_id text collate "C" not null,
    connector       text collate "C" not null,          -- name of the account
    stream          text collate "C" not null,          -- contacts, activity or deals
    position        text not null,          -- the vendor's own
    is_caught_up    smallint not null,       -- the first walk is over
    records         bigint not null,        -- that came in
    updated_at_ms   bigint not null,
    primary key (organization_id, connector, stream)
);

create table if not exists connector_status (
    organization_id text collate "C" not null,
    connector       text collate "C" not null,
    last_sync_ms    bigint null,            -- that ended well
    last_failure_ms bigint null,
    last_failure    text null,
    advice          text null,              -- what to do about it
    budget_day      integer not null,       -- days since 0001-01-01 that budget_used is of
    budget_used     bigint not null,
    primary key (organization_id, connector)
);

-- OAuth tokens as they were last renewed.
create table if not exists connector_tokens (
    organization_id text collate "C" not null,
    connector       text collate "C" not null,
    token           bytea not null,          -- sealed, see SecretBox
    updated_at_ms   bigint not null,
    primary key (organization_id, connector)
);
