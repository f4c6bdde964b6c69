-- The list of what has changed since it was scored stays as quick as it is however many leads there are.
create index if not exists ix_leads_changed on leads (organization_id, lead_id) where is_stale = 1;
