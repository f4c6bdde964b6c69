-- Ids of events, hashed. The one key over all months: a partitioned table can have none without its month. They outlive the events that retention removes, so that none is folded a second time.
create table if not exists event_ids (
    organization_id text collate "C" not null,
    id_hash         bytea not null,          -- first 16 bytes of SHA-256 of the id
    primary key (organization_id, id_hash)
);
insert into event_ids (organization_id, id_hash) select organization_id, substring(sha256(convert_to(event_id, 'UTF8')) from 1 for 16) from events;

-- A table a month of occurred_at, made ahead of time by EventMonths. What is there already stays in one piece, as the table of all months up to its last one: nothing is copied.
alter table events rename to events_early;
alter table events_early drop constraint events_pkey;
alter index ix_events_lead rename to ix_events_lead_early;
create table events (
    organization_id text collate "C" not null,
    event_id        text collate "C" not null,
    lead_id         text collate "C" not null,
    type            text not null,
    source          text collate "C" not null,
    occurred_at_ms  bigint not null,
    received_at_ms  bigint not null,
    properties      text null               -- JSON object of scalars
) partition by range (occurred_at_ms);
create index ix_events_lead on events (organization_id, lead_id, occurred_at_ms);
-- Months that nobody made: nothing is ever turned away for want of a table.
create table events_default partition of events default;
alter index events_default_organization_id_lead_id_occurred_at_ms_idx rename to ix_events_lead_default;
do $$
declare
    until_ms bigint;
begin
    select (extract(epoch from date_trunc('month', to_timestamp(max(occurred_at_ms) / 1000.0) at time zone 'UTC') + interval '1 month') * 1000)::bigint into until_ms from events_early;
    if until_ms is null then
        drop table events_early;
    else
        execute format('alter table events attach partition events_early for values from (minvalue) to (%s)', until_ms);
        create index ix_events_early_occurred on events_early using brin (occurred_at_ms);
    end if;
end $$;

-- How far old rows of an organization are removed.
create table if not exists retention_progress (
    organization_id text collate "C" not null references organizations (organization_id),
    kind            text not null,          -- events or scores
    cutoff_ms       bigint not null,        -- what is older goes
    position        text collate "C" not null,          -- leads up to this id are done
    is_done         smallint not null,
    primary key (organization_id, kind)
);
