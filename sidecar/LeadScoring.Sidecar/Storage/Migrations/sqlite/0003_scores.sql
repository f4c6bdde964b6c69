-- The latest score stands on the lead: lists by grade read one table, and "scored" and "no longer stale" are one write.
alter table leads add column score double precision null;
alter table leads add column grade text null;
alter table leads add column probability double precision null;
alter table leads add column confidence double precision null;
alter table leads add column model_version integer null;
alter table leads add column scored_by text null;
alter table leads add column scored_at_ms bigint null;
-- A lead with an outcome is closed: it is not rescored by itself and not called.
alter table leads add column closed_at_ms bigint null;
create index if not exists ix_leads_score on leads (organization_id, score, lead_id);
drop index if exists ix_leads_stale;
create index if not exists ix_leads_stale on leads (stale_since_ms) where is_stale = 1 and closed_at_ms is null;

-- Append-only: one row whenever a lead's score, grade or model changed.
create table if not exists scores (
    organization_id text not null,
    lead_id         text not null,
    change          integer not null,       -- 1, 2, 3 ... per lead
    scored_at_ms    bigint not null,
    score           double precision not null,
    grade           text not null,
    probability     double precision not null,
    confidence      double precision not null,
    model_version   integer null,           -- null when scored by rules
    scored_by       text not null,          -- ensemble, primary or rules
    needs_review    integer not null,
    base_points     double precision not null,
    factors         text not null,          -- JSON: feature and points, all of them, largest first
    primary key (organization_id, lead_id, change)
) without rowid;
