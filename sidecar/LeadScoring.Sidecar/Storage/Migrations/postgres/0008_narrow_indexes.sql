-- Leads without a score are in no list by score and in no look for old scores: a new lead is two index entries less.
drop index if exists ix_leads_score;
create index ix_leads_score on leads (organization_id, score, lead_id) where score is not null;
drop index if exists ix_leads_scored_at;
create index ix_leads_scored_at on leads (scored_at_ms) where closed_at_ms is null and scored_at_ms is not null;
-- Room in each page for the next version of its rows: then a fold touches no index at all.
alter table leads set (fillfactor = 80);
