-- Requests with an Idempotency-Key and what was answered; rows go after a day.
create table if not exists idempotency_keys (
    organization_id text not null,
    idempotency_key text not null,
    claim           text not null,          -- which attempt holds the key
    method          text not null,
    path            text not null,          -- with the query
    state           text not null,          -- running; written: what cannot be repeated is done, the answer is not kept yet; done
    lease_until_ms  bigint not null,        -- of a running one: afterwards it counts as dead
    expires_at_ms   bigint not null,
    body_sha256     blob null,
    status          integer null,
    headers         text null,              -- JSON object
    reply           blob null,              -- null: it was larger than is kept
    is_sealed       integer not null,       -- the reply holds a secret, see SecretBox
    primary key (organization_id, idempotency_key)
) without rowid;
create index if not exists ix_idempotency_keys_expires on idempotency_keys (expires_at_ms);
