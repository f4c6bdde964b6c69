-- What the checks have looked at: each window once, whoever looks and however often.
create table if not exists monitoring_windows (
    organization_id text collate "C" not null references organizations (organization_id),
    kind            text not null,          -- drift, performance or concept
    days            integer not null,       -- length; 0 for concept, which has no windows
    starts_at_ms    bigint not null,        -- of concept: the last decision that was looked at before an alarm
    model_version   integer null,
    leads           integer not null,
    checked_at_ms   bigint not null,
    report          text null,              -- JSON; null when there were too few leads to test anything
    primary key (organization_id, kind, days, starts_at_ms)
);

create table if not exists drift_alarms (
    organization_id text collate "C" not null references organizations (organization_id),
    alarm_id        text collate "C" not null,
    kind            text not null,          -- feature, prediction, performance or concept
    feature         text not null,          -- empty when it is about none
    aspect          text not null,          -- values, missing, unseen; ranking, calibration; or what the outcomes do
    days            integer not null,       -- length of the window that gave it
    value           double precision not null,
    threshold       double precision not null,
    detail          text not null,
    advice          text not null,
    model_version   integer null,
    opened_at_ms    bigint not null,
    last_seen_ms    bigint not null,
    closed_at_ms    bigint null,
    primary key (organization_id, alarm_id)
);
create unique index if not exists ux_drift_alarms_open on drift_alarms (organization_id, kind, feature, aspect, days) where closed_at_ms is null;

-- Leads that show what an alarm is about.
create table if not exists drift_alarm_leads (
    organization_id text collate "C" not null,
    alarm_id        text collate "C" not null,
    lead_id         text collate "C" not null,
    primary key (organization_id, alarm_id, lead_id)
);
create index if not exists ix_drift_alarm_leads_lead on drift_alarm_leads (organization_id, lead_id);

-- The ledger by time: leads by the moment of their first score, and what is new for the review sample.
create index if not exists ix_scores_at on scores (organization_id, scored_at_ms, change);
