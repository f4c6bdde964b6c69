-- What comes in, by type. Counted in the transaction that stores the events; in several rows per type where many write at once, so that they do not queue for one.
create table if not exists event_types (
    organization_id      text not null,
    type                 text not null,
    part                 integer not null,
    events               bigint not null,      -- received, erased ones included
    bot_events           bigint not null,      -- of those: a machine's by themselves
    first_received_at_ms bigint not null,
    last_received_at_ms  bigint not null,
    primary key (organization_id, type, part)
);
insert into event_types (organization_id, type, part, events, bot_events, first_received_at_ms, last_received_at_ms)
select organization_id, type, 0, count(*), 0, min(received_at_ms), max(received_at_ms) from events group by organization_id, type;

alter table leads add column bot_events integer not null default 0;     -- events that are kept and do not count
create index if not exists ix_leads_bots on leads (organization_id, bot_events) where bot_events > 0;

-- ActivityState.FoldVersion; what an earlier version folded is folded anew at the start.
alter table leads add column fold_version integer not null default 3;
update leads set fold_version = 2 where length(activity) > 0;
create index if not exists ix_leads_fold on leads (organization_id, lead_id) where fold_version < 3;
