-- What a record at the vendor says of its lead's score, and what it should say.
create table if not exists write_backs (
    organization_id text collate "C" not null,
    connector       text collate "C" not null,
    record_id       text collate "C" not null,
    lead_id         text collate "C" not null,
    status          text not null,          -- pending, written or dead
    attempts        integer not null,
    next_attempt_ms bigint not null,
    lease           text null,              -- who is writing it
    lease_until_ms  bigint not null,
    failure         text null,
    written_score   double precision null,
    written_grade   text null,
    written_at_ms   bigint null,
    primary key (organization_id, connector, record_id)
);
create index if not exists ix_write_backs_due on write_backs (organization_id, connector, next_attempt_ms) where status = 'pending';
create index if not exists ix_write_backs_dead on write_backs (organization_id, connector, record_id) where status = 'dead';
create index if not exists ix_write_backs_lead on write_backs (organization_id, lead_id);
