-- What is kept of leads whose person was taken out: values that many share, months, what became of them. No key leads back to anybody; the order of rows is that of random ids.
create table if not exists anonymous_leads (
    organization_id text not null references organizations (organization_id),
    anonymous_id    text not null,          -- random
    features        text not null,          -- JSON: feature and its meaning to value; null where the level was a rare one
    decided_ms      bigint not null,        -- first of the month of the decision moment
    days            integer not null,       -- from the decision moment to the outcome, begun ones counted whole
    converted       integer not null,
    revenue         double precision null,  -- two digits
    scored_ms       bigint null,            -- first of the month of the score that the team decided by; null when there was none
    scored_days     integer null,           -- from that score to the outcome
    score           double precision null,  -- whole points
    grade           text null,
    probability     double precision null,  -- hundredths
    model_version   integer null,
    primary key (organization_id, anonymous_id)
) without rowid;
