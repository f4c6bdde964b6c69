-- What was done, by whom: a chain per organization. Each row holds the hash of the one before it and the hash of its own content.
create table if not exists audit_log (
    organization_id text not null,
    sequence        bigint not null,        -- 1, 2, 3 ...
    at_ms           bigint not null,
    kind            text not null,
    actor           text not null,          -- key, command or job
    subject         text null,              -- what it was done to; a lead by its reference, never by its id
    detail          text not null,          -- JSON object, hashed as it stands here
    previous_hash   blob not null,
    hash            blob not null,
    primary key (organization_id, sequence)
);
create index if not exists ix_audit_log_kind on audit_log (organization_id, kind, sequence);

-- The newest row of each chain, sealed with the key that lies outside the database: who has the database alone can neither cut off the end nor write a chain anew.
create table if not exists audit_heads (
    organization_id text not null primary key,
    sequence        bigint not null,
    hash            blob not null,
    seal            blob not null
);

-- Where a chain was cut at its old end: the last row that went. Sealed likewise.
create table if not exists audit_anchors (
    organization_id text not null,
    sequence        bigint not null,
    hash            blob not null,
    seal            blob not null,
    cut_at_ms       bigint not null,
    primary key (organization_id, sequence)
);

-- Whom a reference stands for. Erased with the lead: what is left in the chain then stands for nobody.
create table if not exists audit_leads (
    organization_id text not null,
    lead_id         text not null,
    lead_ref        text not null,
    primary key (organization_id, lead_id)
);
create unique index if not exists ux_audit_leads_ref on audit_leads (organization_id, lead_ref);

create trigger if not exists audit_log_no_update before update on audit_log begin select raise(abort, 'audit_log takes no changes'); end;
create trigger if not exists audit_log_no_delete before delete on audit_log
when old.sequence > coalesce((select max(sequence) from audit_anchors where organization_id = old.organization_id), 0)
begin select raise(abort, 'audit_log takes no deletions after the last anchor'); end;
create trigger if not exists audit_anchors_no_update before update on audit_anchors begin select raise(abort, 'audit_anchors takes no changes'); end;
create trigger if not exists audit_anchors_no_delete before delete on audit_anchors begin select raise(abort, 'audit_anchors takes no deletions'); end;
