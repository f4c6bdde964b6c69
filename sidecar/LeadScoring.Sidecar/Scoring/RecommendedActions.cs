using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>An action that became the recommended one for a lead.</summary>
internal sealed record RecommendedAction(string LeadId, string ActionId, long AtMs);

/// <summary>Which action was recommended for which lead from when on; written with the score.</summary>
internal sealed class RecommendedActions(Database database)
{
    /// <summary>Adds the actions that differ from the one that stood before; a lead that is gone gets none.</summary>
    internal static async Task LogAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<ScoreWrite> writes, CancellationToken cancellationToken)
    {
        if (writes.Count == 0) return;
        if (transaction.IsPostgres)
        {
            await transaction.ExecuteAsync($"{Insert} {Differing("unnest(@leadIds, @actionIds, @atMs) as n (lead_id, action_id, at_ms)")}", new
            {
                organizationId, leadIds = writes.Select(w => w.LeadId).ToArray(), actionIds = writes.Select(w => w.Result.Recommendation.ActionId).ToArray(), atMs = writes.Select(w => w.Result.ScoredAtMs).ToArray(),
            }, cancellationToken);
            return;
        }

        using var insert = transaction.Prepare($"{Insert} {Differing("(select @leadId as lead_id, @actionId as action_id, @atMs as at_ms) as n")}", "organizationId", "leadId", "actionId", "atMs").Set(0, organizationId);
        foreach (var write in writes) await insert.Set(1, write.LeadId).Set(2, write.Result.Recommendation.ActionId).Set(3, write.Result.ScoredAtMs).ExecuteAsync(cancellationToken);
    }

    private const string Insert = "insert into recommended_actions (organization_id, lead_id, change, action_id, recommended_at_ms)";

    private static string Differing(string rows) => $"""
        select @organizationId, n.lead_id, coalesce((select max(r.change) from recommended_actions as r where r.organization_id = @organizationId and r.lead_id = n.lead_id), 0) + 1, n.action_id, n.at_ms
        from {rows}
        where n.action_id <> coalesce((select r.action_id from recommended_actions as r where r.organization_id = @organizationId and r.lead_id = n.lead_id order by r.change desc limit 1), '')
          and exists (select 1 from leads as l where l.organization_id = @organizationId and l.lead_id = n.lead_id)
        """;

    /// <summary>All of an organization, lead by lead, each lead's in the order of time.</summary>
    internal async IAsyncEnumerable<RecommendedAction> ReadAllAsync(string organizationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = "select lead_id, action_id, recommended_at_ms from recommended_actions where organization_id = @organizationId order by lead_id, change";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) yield return new RecommendedAction(rows.GetString(0), rows.GetString(1), rows.GetInt64(2));
    }
}
