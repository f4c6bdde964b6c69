-- Deals as they stand, so that an outcome can be told from all deals of a lead, and taken back.
create table if not exists connector_deals (
    organization_id text collate "C" not null,
    connector       text collate "C" not null,
    deal_id         text collate "C" not null,
    state           text not null,          -- open, won or lost
    closed_at_ms    bigint null,
    amount          double precision null,
    stage           text null,
    primary key (organization_id, connector, deal_id)
);

create table if not exists connector_deal_contacts (
    organization_id text collate "C" not null,
    connector       text collate "C" not null,
    deal_id         text collate "C" not null,
    record_id       text collate "C" not null,
    primary key (organization_id, connector, deal_id, record_id)
);
create index if not exists ix_connector_deal_contacts_record on connector_deal_contacts (organization_id, connector, record_id);
