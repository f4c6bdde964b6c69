-- Names that move from version to version, besides the champion, which the newest promotion makes.
create table if not exists model_aliases (
    organization_id text not null references organizations (organization_id),
    alias           text not null,          -- challenger or shadow
    version         integer not null,
    moved_at_ms     bigint not null,
    primary key (organization_id, alias)
);

-- Where a version comes from, besides what its manifest says.
alter table models add column run_id text null;             -- training run; null when imported
alter table models add column champion_then integer null;   -- champion when it was added
