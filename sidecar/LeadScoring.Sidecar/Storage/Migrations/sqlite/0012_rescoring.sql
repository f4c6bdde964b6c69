-- The queue of one organization: the oldest first. A lead that was set aside is stale but has no stale_since_ms, so it costs the queue nothing.
create index if not exists ix_leads_queue on leads (organization_id, stale_since_ms, lead_id) where is_stale = 1 and closed_at_ms is null and stale_since_ms is not null;
drop index if exists ix_leads_stale;
-- Open leads in the order in which a rescoring run goes through them.
create index if not exists ix_leads_open on leads (organization_id, lead_id) where closed_at_ms is null;

-- Who is scoring which lead of the queue, and which leads cannot be scored. Apart from leads: a claim is written without touching a lead's row.
create table if not exists rescoring_claims (
    organization_id text not null,
    lead_id         text not null,
    token           text not null,          -- the batch that holds it; empty when none does
    until_ms        bigint not null,        -- nobody else takes it before; also the wait after a failure
    failures        integer not null,       -- tries in a row that failed
    reason          text null,              -- of the latest failure
    failed_at_ms    bigint null,
    primary key (organization_id, lead_id)
);

-- Rescoring of all open leads of an organization; goes on where it was, whoever takes it.
create table if not exists rescoring_runs (
    organization_id text not null references organizations (organization_id),
    run_id          text not null,
    reason          text not null,          -- request, promotion, anchor, rules
    status          text not null,          -- running, succeeded, cancelled, superseded
    position        text not null,          -- leads up to this id are done
    done            bigint not null,
    total           bigint not null,        -- open leads at the start
    changed         bigint not null,        -- of those done: another score, grade or model than before
    moves           text not null,          -- JSON: grade before and after, such as "B>A", to leads
    token           text not null,          -- the batch that holds it; empty when none does
    until_ms        bigint not null,
    created_at_ms   bigint not null,
    updated_at_ms   bigint not null,
    finished_at_ms  bigint null,
    primary key (organization_id, run_id)
);
-- One at a time per organization, whatever replicas do.
create unique index if not exists ux_rescoring_runs_open on rescoring_runs (organization_id) where status = 'running';
