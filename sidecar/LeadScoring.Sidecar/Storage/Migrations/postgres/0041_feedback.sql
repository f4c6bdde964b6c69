-- What sales say of a lead, with the score that stood when they said it.
create table if not exists feedback (
    organization_id text collate "C" not null,
    feedback_id     text collate "C" not null,
    lead_id         text collate "C" not null,
    verdict         text not null,          -- good or bad
    reason          text null,
    given_by        text null,
    given_at_ms     bigint not null,
    score           double precision null,  -- null when the lead had none
    grade           text null,
    probability     double precision null,
    model_version   integer null,
    recorded_at_ms  bigint not null,
    primary key (organization_id, feedback_id)
);
create index if not exists ix_feedback_lead on feedback (organization_id, lead_id);

-- Scores that a person looks at: a random sample with its probability, and all of low confidence.
create table if not exists reviews (
    organization_id   text collate "C" not null,
    review_id         text collate "C" not null,
    lead_id           text collate "C" not null,
    change            integer not null,     -- row of the ledger
    is_random         smallint not null,
    is_low_confidence smallint not null,
    selection_probability double precision not null, -- of the random sample, by which its members are weighted
    score             double precision not null,
    grade             text not null,
    probability       double precision not null,
    confidence        double precision not null,
    model_version     integer null,
    scored_at_ms      bigint not null,
    selected_at_ms    bigint not null,
    verdict           text null,            -- agree, too_high or too_low; null while open
    comment           text null,
    reviewed_by       text null,
    reviewed_at_ms    bigint null,
    primary key (organization_id, review_id)
);
create index if not exists ix_reviews_open on reviews (organization_id, selected_at_ms, review_id) where verdict is null;
create index if not exists ix_reviews_lead on reviews (organization_id, lead_id);

-- How far the ledger has been gone through for reviews.
create table if not exists review_progress (
    organization_id text collate "C" not null primary key references organizations (organization_id),
    through_ms      bigint not null
);

-- What a person says instead of the machine; the machine's score stays what it is. The newest row that is neither removed nor over holds.
create table if not exists overrides (
    organization_id text collate "C" not null,
    lead_id         text collate "C" not null,
    change          integer not null,       -- 1, 2, 3 ... per lead
    grade           text not null,
    reason          text not null,
    set_by          text not null,
    set_at_ms       bigint not null,
    until_ms        bigint null,
    removed_by      text null,
    removed_at_ms   bigint null,
    machine_score   double precision null,  -- when it was overridden; null when there was none
    machine_grade   text null,
    machine_probability double precision null,
    model_version   integer null,
    primary key (organization_id, lead_id, change)
);
