-- Schedules of an organization's own. A job without a row runs by the install's schedule.
create table if not exists job_schedules (
    organization_id text collate "C" not null references organizations (organization_id),
    job             text collate "C" not null,
    cron            text null,              -- six fields, seconds first; null for never
    time_zone       text not null,
    next_at_ms      bigint null,            -- when it is due; null when it never is
    changed_at_ms   bigint not null,
    primary key (organization_id, job)
);
create index if not exists ix_job_schedules_due on job_schedules (next_at_ms) where next_at_ms is not null;

-- How much of the file has been read, 0 to 1.
alter table imports add column share double precision null;

-- Walled off by organization like the others.
call protect_tenant_rows();
