-- Monitoring reports as they were last worked out: a page that shows them need not wait. Dropped whenever a lead is erased, as they may name it.
create table if not exists monitoring_reports (
    organization_id text collate "C" not null references organizations (organization_id),
    report          text not null,          -- performance, business, impact or fairness
    asked           text not null,          -- what was asked for: parameters, and the model that is spoken of
    is_default      integer not null,       -- without parameters: these are worked out anew every hour
    as_of_ms        bigint not null,
    body            text not null,          -- JSON, as answered
    primary key (organization_id, report, asked)
);
