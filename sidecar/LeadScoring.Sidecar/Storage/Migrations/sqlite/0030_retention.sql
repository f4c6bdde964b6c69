-- Ids of events, hashed, that outlive them: here those that retention removed, so that none is folded a second time. On PostgreSQL those of all events.
create table if not exists event_ids (
    organization_id text not null,
    id_hash         blob not null,          -- first 16 bytes of SHA-256 of the id
    primary key (organization_id, id_hash)
) without rowid;

-- How far old rows of an organization are removed.
create table if not exists retention_progress (
    organization_id text not null references organizations (organization_id),
    kind            text not null,          -- events or scores
    cutoff_ms       bigint not null,        -- what is older goes
    position        text not null,          -- leads up to this id are done
    is_done         integer not null,
    primary key (organization_id, kind)
);
