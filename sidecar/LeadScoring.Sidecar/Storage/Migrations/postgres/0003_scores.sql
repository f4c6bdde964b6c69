-- Append-only: one row whenever a lead's score, grade or model changed.
create table if not exists scores (
    organization_id text collate "C" not null,
    lead_id         text collate "C" not null,
    change          integer not null,       -- 1, 2, 3 ... per lead
    scored_at_ms    bigint not null,
    score           double precision not null,
    grade           text not null,
    probability     double precision not null,
    confidence      double precision not null,
    model_version   integer null,           -- null when scored by rules
    scored_by       text not null,          -- ensemble, primary or rules
    needs_review    smallint not null,
    base_points     double precision not null,
    factors         text not null,          -- JSON: factors (feature, points, text, base rate; largest first), interval, reason to review
    primary key (organization_id, lead_id, change)
);
