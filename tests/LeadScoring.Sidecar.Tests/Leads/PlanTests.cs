using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Leads;

/// <summary>What queue and lists ask for is found by an index and comes out of it in order: the cost does not grow with the number of leads.</summary>
public sealed class PlanTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    public static TheoryData<string, string> Queries => new()
    {
        { StaleLeads.NextSql, "ix_leads_queue" },
        { StaleLeads.OldestSql, "ix_leads_queue" },
        { StaleLeads.CountSql, "ix_leads_queue" },
        { RescoringRunStore.NextLeadsSql, "ix_leads_open" },
        { ListLeadEvents.Sql(hasCursor: true), "ix_events_lead" },
        { ListLeads.Sql("-score", false, null, false, null, true), "ix_leads_score" },
        { ListLeads.Sql("lead_id", false, true, false, null, true), "ix_leads_changed" },
        { ListLeads.Sql("-updated_at", true, null, false, null, true), "ix_leads_updated" },
    };

    [Theory]
    [MemberData(nameof(Queries))]
    public async Task Plan_QueueAndLists_ComeFromTheIndexInOrder(string sql, string index)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        using var command = connection.CreateCommand();
        if (sidecar.Get<Database>().IsPostgres)
        {
            // With so few rows it would read all of them and sort.
            command.CommandText = "set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off; set enable_incremental_sort = off; analyze leads";
            await command.ExecuteNonQueryAsync();
        }

        command.CommandText = (sidecar.Get<Database>().IsPostgres ? "explain " : "explain query plan ") + sql;
        (string Name, object Value)[] parameters =
        [
            ("organizationId", "o"), ("OrganizationId", "o"), ("after", ""), ("nowMs", 1L), ("latestMs", 2L), ("limit", 100), ("most", 100), ("Position", ""), ("leadId", "l"), ("beforeMs", 1L), ("beforeId", "e"),
            ("take", 50), ("sinceMs", 1L), ("grade", "A"), ("afterKey", 50.0), ("afterMs", 1L), ("afterId", "l"),
        ];
        foreach (var (name, value) in parameters.Where(p => System.Text.RegularExpressions.Regex.IsMatch(sql, $@"@{p.Name}\b")))
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        var plan = new List<string>();
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync()) plan.Add(rows.GetString(rows.FieldCount - 1));
        var text = string.Join('\n', plan);
        Assert.Contains(index, text, StringComparison.Ordinal);
        Assert.DoesNotContain("TEMP B-TREE", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Seq Scan on leads", text, StringComparison.Ordinal);
    }
}
