-- Lists stay as quick as they are however many leads there are: by grade the best first, and what has changed since it was scored.
create index if not exists ix_leads_grade on leads (organization_id, grade, score, lead_id);
create index if not exists ix_leads_changed on leads (organization_id, lead_id) where is_stale = 1;
