-- Who is drawn whatever the score, and whether trainings correct for effort; without a row: nobody, and no.
create table if not exists sampling_policies (
    organization_id text not null primary key references organizations (organization_id),
    settings        text not null,          -- JSON, SamplingPolicy
    changed_at_ms   bigint not null
);

-- What a lead was drawn for when it was first scored, with the probability of that draw: null when nothing was drawn then. Erased with the lead.
alter table leads add column slice text null;                       -- ordinary, exploration or hold_out
alter table leads add column slice_probability double precision null;
alter table leads add column sliced_at_ms bigint null;
