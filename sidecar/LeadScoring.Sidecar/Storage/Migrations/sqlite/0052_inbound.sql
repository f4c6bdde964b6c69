-- What webhooks told, once each; also activity that waits for its person to be known.
create table if not exists connector_inbound (
    organization_id text not null,
    connector       text not null,
    event_id        text not null,
    kind            text not null,          -- contact_changed, contact_deleted, contact_erased, deal_changed or activity
    record_id       text not null,
    payload         text null,              -- of an activity; null once it is done
    status          text not null,          -- pending or done
    attempts        integer not null,
    next_attempt_ms bigint not null,
    received_at_ms  bigint not null,
    primary key (organization_id, connector, event_id)
);
create index if not exists ix_connector_inbound_due on connector_inbound (organization_id, connector, next_attempt_ms) where status = 'pending';
create index if not exists ix_connector_inbound_received on connector_inbound (received_at_ms);
