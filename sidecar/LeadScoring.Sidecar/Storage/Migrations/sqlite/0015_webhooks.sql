-- Where an organization's events go.
create table if not exists webhooks (
    organization_id   text not null references organizations (organization_id),
    webhook_id        text not null,
    url               text not null,
    description       text null,
    event_types       text not null,        -- names, blanks between them
    grades            text null,            -- letters; null: all
    is_enabled        integer not null,
    disabled_reason   text null,
    secret            blob not null,        -- sealed, see SecretBox
    previous_secret   blob null,            -- still signed with until previous_until_ms
    previous_until_ms bigint not null,
    paused_until_ms   bigint not null,      -- the receiver asked for patience (Retry-After)
    last_success_ms   bigint null,
    last_failure_ms   bigint null,
    last_failure      text null,
    created_at_ms     bigint not null,
    primary key (organization_id, webhook_id)
);

-- The outbox: a row an event and webhook, written in the transaction of the change that it tells of.
create table if not exists webhook_deliveries (
    organization_id text not null,
    webhook_id      text not null,
    subject         text not null,          -- what is told in order: lead/<id>, model, or the event itself
    sequence        bigint not null,        -- grows per subject
    event_id        text not null,
    event_type      text not null,
    body            text not null,          -- JSON as it is sent
    occurred_at_ms  bigint not null,
    status          text not null,          -- pending, delivered or dead
    attempts        integer not null,
    next_attempt_ms bigint not null,
    lease           text null,              -- who is sending it
    lease_until_ms  bigint not null,
    finished_at_ms  bigint null,
    failure         text null,              -- of the last attempt
    primary key (organization_id, webhook_id, subject, sequence)
) without rowid;
create index if not exists ix_webhook_deliveries_due on webhook_deliveries (organization_id, webhook_id, next_attempt_ms) where status = 'pending';
create index if not exists ix_webhook_deliveries_dead on webhook_deliveries (organization_id, webhook_id, finished_at_ms) where status = 'dead';
create index if not exists ix_webhook_deliveries_finished on webhook_deliveries (finished_at_ms) where status <> 'pending';
