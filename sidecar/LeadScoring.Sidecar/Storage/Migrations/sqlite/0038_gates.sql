-- How an organization judges new models; without a row: the defaults.
create table if not exists gate_policies (
    organization_id text not null primary key references organizations (organization_id),
    settings        text not null,          -- JSON, GateSettings
    changed_at_ms   bigint not null
);

alter table models add column card text null;               -- JSON, ModelCard; null when imported
-- Sorted 64-bit hashes of the leads that the version learned from: what it must not be tested on.
alter table model_bundles add column learned_from blob null;
