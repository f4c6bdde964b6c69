-- What each job did for an organization. Bounded per organization and job.
create table if not exists job_runs (
    organization_id text not null references organizations (organization_id),
    job             text not null,
    run_id          text not null,
    cause           text not null,          -- schedule, missed, recovery or request
    due_at_ms       bigint null,            -- when it should have begun, for schedule and missed
    started_at_ms   bigint not null,
    ended_at_ms     bigint null,            -- null while it runs
    result          text null,              -- in words
    error           text null,
    primary key (organization_id, job, run_id)
);
create index if not exists ix_job_runs_started on job_runs (organization_id, job, started_at_ms);
create index if not exists ix_job_runs_open on job_runs (job) where ended_at_ms is null;
