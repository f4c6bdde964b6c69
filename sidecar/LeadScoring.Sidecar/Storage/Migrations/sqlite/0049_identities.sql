-- Which lead a record of an account is.
create table if not exists lead_links (
    organization_id text not null,
    connector       text not null,
    record_id       text not null,
    lead_id         text not null,          -- blank: the lead was erased, and stays so
    is_primary      integer not null,       -- its attributes go by their plain names
    is_deleted      integer not null,
    linked_by       text not null,          -- new, email or merge
    linked_at_ms    bigint not null,
    primary key (organization_id, connector, record_id)
);
create index if not exists ix_lead_links_lead on lead_links (organization_id, lead_id);

-- Whose an e-mail address is, by its hash.
create table if not exists lead_emails (
    organization_id text not null,
    email_hash      text not null,
    lead_id         text not null,
    primary key (organization_id, email_hash)
);
create index if not exists ix_lead_emails_lead on lead_emails (organization_id, lead_id);

-- Leads that turned out to be one person.
create table if not exists lead_merges (
    organization_id text not null,
    merge_id        text not null,
    lead_id         text not null,          -- that goes on
    merged_lead_id  text not null,          -- whose events it has now
    connector       text not null,
    reason          text not null,          -- email, or merged_by_vendor
    merged_at_ms    bigint not null,
    undone_at_ms    bigint null,            -- never done again by itself
    primary key (organization_id, merge_id)
);
create index if not exists ix_lead_merges_lead on lead_merges (organization_id, lead_id);
create index if not exists ix_lead_merges_merged on lead_merges (organization_id, merged_lead_id);

create table if not exists lead_merge_parts (
    organization_id text not null,
    merge_id        text not null,
    kind            text not null,          -- event, link or email
    connector       text not null,          -- of a link, else blank
    part_id         text not null,
    primary key (organization_id, merge_id, kind, connector, part_id)
);
