-- Keys of an organization, sealed (see SecretBox): one hashes whom it has erased, the other signs receipts of it.
create table if not exists privacy_keys (
    organization_id text collate "C" not null primary key references organizations (organization_id),
    hash_key        bytea not null,
    signing_key     bytea not null,
    public_key      bytea not null,          -- SubjectPublicKeyInfo, what receipts are checked with
    created_at_ms   bigint not null
);

-- Whom an organization has erased, by a keyed hash: none of it is taken in again.
create table if not exists tombstones (
    organization_id text collate "C" not null,
    hash            bytea not null,          -- HMAC-SHA256 of kind and text
    kind            text not null,          -- lead, record or email
    erasure_id      text collate "C" not null,
    created_at_ms   bigint not null,
    refused         bigint not null,        -- times that something of it was refused
    last_refused_ms bigint null,
    primary key (organization_id, hash)
);
create index if not exists ix_tombstones_erasure on tombstones (organization_id, erasure_id);
create index if not exists ix_tombstones_created on tombstones (created_at_ms);

-- Receipts, as they were signed, and what has happened since.
create table if not exists erasures (
    organization_id text collate "C" not null references organizations (organization_id),
    erasure_id      text collate "C" not null,
    kind            text not null,          -- erasure
    erased_at_ms    bigint not null,
    receipt         text not null,          -- JSON, SignedReceipt
    scrubbed_at_ms  bigint null,            -- from then on its bytes are in no file of the database
    lifted_at_ms    bigint null,            -- the person may come in again
    lifted_by       text null,
    lift_reason     text null,
    primary key (organization_id, erasure_id)
);
create index if not exists ix_erasures_open on erasures (erased_at_ms) where scrubbed_at_ms is null;

-- Versions that learned from a person who was erased since.
create table if not exists erased_learners (
    organization_id text collate "C" not null,
    erasure_id      text collate "C" not null,
    version         integer not null,
    primary key (organization_id, erasure_id, version)
);

call protect_tenant_rows();
