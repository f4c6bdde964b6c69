-- What was done, by whom: a chain per organization. Each row holds the hash of the one before it and the hash of its own content.
create table if not exists audit_log (
    organization_id text collate "C" not null,
    sequence        bigint not null,        -- 1, 2, 3 ...
    at_ms           bigint not null,
    kind            text collate "C" not null,
    actor           text collate "C" not null,          -- key, command or job
    subject         text collate "C" null,              -- what it was done to; a lead by its reference, never by its id
    detail          text not null,          -- JSON object, hashed as it stands here
    previous_hash   bytea not null,
    hash            bytea not null,
    primary key (organization_id, sequence)
);
create index if not exists ix_audit_log_kind on audit_log (organization_id, kind, sequence);

-- The newest row of each chain, sealed with the key that lies outside the database: who has the database alone can neither cut off the end nor write a chain anew.
create table if not exists audit_heads (
    organization_id text collate "C" not null primary key,
    sequence        bigint not null,
    hash            bytea not null,
    seal            bytea not null
);

-- Where a chain was cut at its old end: the last row that went. Sealed likewise.
create table if not exists audit_anchors (
    organization_id text collate "C" not null,
    sequence        bigint not null,
    hash            bytea not null,
    seal            bytea not null,
    cut_at_ms       bigint not null,
    primary key (organization_id, sequence)
);

-- Whom a reference stands for. Erased with the lead: what is left in the chain then stands for nobody.
create table if not exists audit_leads (
    organization_id text collate "C" not null,
    lead_id         text collate "C" not null,
    lead_ref        text collate "C" not null,
    primary key (organization_id, lead_id)
);
create unique index if not exists ux_audit_leads_ref on audit_leads (organization_id, lead_ref);

create or replace function audit_refuse() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'audit_log' and tg_op = 'DELETE' and old.sequence <= coalesce((select max(a.sequence) from audit_anchors a where a.organization_id = old.organization_id), 0) then
        return old;
    end if;
    raise exception '% takes no %', tg_table_name, lower(tg_op) using errcode = 'raise_exception';
end $$;
create or replace trigger audit_log_no_change before update or delete on audit_log for each row execute function audit_refuse();
create or replace trigger audit_anchors_no_change before update or delete on audit_anchors for each row execute function audit_refuse();
create or replace trigger audit_log_no_truncate before truncate on audit_log for each statement execute function audit_refuse();
create or replace trigger audit_anchors_no_truncate before truncate on audit_anchors for each statement execute function audit_refuse();
