-- How an organization grades; without a row: the fixed bounds of the settings.
create table if not exists grade_policies (
    organization_id text collate "C" not null primary key references organizations (organization_id),
    mode            text not null,          -- fixed, percentile or capacity
    policy          text not null,          -- JSON, GradePolicy
    bound_a         double precision not null, -- bounds in force: those of the policy, or what shares and capacities come to over the open leads
    bound_b         double precision not null,
    bound_c         double precision not null,
    bounds_at_ms    bigint not null         -- when the bounds were last worked out
);

-- What the first outcomes say about the profile's rules; scores leads while there is no model.
create table if not exists rule_posteriors (
    organization_id text collate "C" not null primary key references organizations (organization_id),
    rules_hash      text not null,          -- FeatureProfile.RulesHash
    state           text not null,          -- JSON, RulePosteriorState
    learned_at_ms   bigint not null
);

alter table leads add column scored_revision bigint null;   -- revision that the latest score was made of
alter table leads add column scored_with text null;         -- ActiveModel.Fingerprint: whether another score means other facts or another way to score them
alter table leads add column exclusion text null;           -- id of the exclusion that held then
create index if not exists ix_leads_scored_at on leads (scored_at_ms) where closed_at_ms is null;

-- Why a score differs from the one before it; the parts sum to the difference. Null in a lead's first row.
alter table scores add column cause text null;              -- first, new_data, elapsed_time, model, grades
alter table scores add column new_data_points double precision null;
alter table scores add column elapsed_time_points double precision null;
alter table scores add column model_points double precision null;
alter table scores add column exclusion text null;
