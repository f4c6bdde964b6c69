-- The second wall behind the conditions of the queries: a connection that answers a request sees and writes the rows of its organization alone, whatever the query forgot. Work that goes over all organizations
-- (jobs, deliveries, the check of a key) names none and sees all. Superusers are not bound by it; the service's own user, who owns the tables, is, as it is forced.
create or replace procedure protect_tenant_rows() language plpgsql as $$
declare
    tenant_table text;
begin
    for tenant_table in
        select t.relname from pg_class t join pg_attribute a on a.attrelid = t.oid
        where t.relnamespace = current_schema()::regnamespace and t.relkind in ('r', 'p') and not t.relispartition and a.attname = 'organization_id' and not a.attisdropped
            and not exists (select 1 from pg_policy p where p.polrelid = t.oid and p.polname = 'tenant_rows')
    loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        -- Asked once a statement, not once a row.
        execute format(
            'create policy tenant_rows on %I using (coalesce((select current_setting(''leadscoring.organization'', true)), '''') in ('''', organization_id))', tenant_table);
    end loop;
end $$;
call protect_tenant_rows();
