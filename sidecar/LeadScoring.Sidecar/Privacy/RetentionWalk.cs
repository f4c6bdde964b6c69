using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>
/// Goes through the leads of all organizations, some a transaction, and remembers how far it came: old rows of a lead lie together, and no index by moment has to be kept for the sake of removing them once.
/// A walk is made once per cutoff, which moves with the calendar month.
/// </summary>
internal sealed class RetentionWalk(Database database)
{
    private sealed record Progress
    {
        public long CutoffMs { get; init; }
        public string Position { get; init; } = "";
        public bool IsDone { get; init; }
    }

    /// <param name="kind">Which rows.</param>
    /// <param name="cutoffMs">What is older goes.</param>
    /// <param name="leadsPerStep">Leads per transaction.</param>
    /// <param name="steps">Transactions at most.</param>
    /// <param name="remove">Removes rows of some leads of an organization, and says how many.</param>
    /// <param name="cancellationToken">Cancels; what is done stays done.</param>
    /// <returns>Rows removed, whether the walk is at its end, and steps that are left.</returns>
    internal async Task<(int Removed, bool IsDone, int StepsLeft)> RunAsync(
        string kind, long cutoffMs, int leadsPerStep, int steps, Func<WriteTransaction, string, string[], Task<int>> remove, CancellationToken cancellationToken)
    {
        const string Sql = """
            select o.organization_id from organizations o left join retention_progress p on p.organization_id = o.organization_id and p.kind = @kind
            where p.kind is null or p.cutoff_ms < @cutoffMs or p.is_done = 0 order by o.organization_id
            """;
        string[] open;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            open = [.. await connection.QueryAsync<string>(new CommandDefinition(Sql, new { kind, cutoffMs }, cancellationToken: cancellationToken))];
        var removed = 0;
        foreach (var organizationId in open)
        {
            for (var isDone = false; !isDone; steps--)
            {
                if (steps == 0) return (removed, false, 0);
                (var rows, isDone) = await StepAsync(organizationId, kind, cutoffMs, leadsPerStep, remove, cancellationToken);
                removed += rows;
            }
        }

        return (removed, true, steps);
    }

    private Task<(int Removed, bool IsDone)> StepAsync(
        string organizationId, string kind, long cutoffMs, int leadsPerStep, Func<WriteTransaction, string, string[], Task<int>> remove, CancellationToken cancellationToken)
    {
        const string Select = "select cutoff_ms as CutoffMs, position as Position, is_done as IsDone from retention_progress where organization_id = @organizationId and kind = @kind";
        const string Leads = "select lead_id from leads where organization_id = @organizationId and lead_id > @position order by lead_id limit @leadsPerStep";
        const string Save = """
            insert into retention_progress (organization_id, kind, cutoff_ms, position, is_done) values (@organizationId, @kind, @cutoffMs, @position, @isDone)
            on conflict (organization_id, kind) do update set cutoff_ms = excluded.cutoff_ms, position = excluded.position, is_done = excluded.is_done
            """;
        return database.WriteAsync(async transaction =>
        {
            // Replicas that run at once take turns, and the later one goes on behind the earlier.
            await transaction.LockAsync($"retention/{organizationId}/{kind}", cancellationToken);
            var at = await transaction.Connection.QueryFirstOrDefaultAsync<Progress>(transaction.Command(Select, new { organizationId, kind }, cancellationToken));
            if (at is { IsDone: true } && at.CutoffMs >= cutoffMs) return (0, true);
            var position = at?.CutoffMs == cutoffMs ? at.Position : "";
            string[] leads = [.. await transaction.Connection.QueryAsync<string>(transaction.Command(Leads, new { organizationId, position, leadsPerStep }, cancellationToken))];
            var removed = leads.Length == 0 ? 0 : await remove(transaction, organizationId, leads);
            var isDone = leads.Length < leadsPerStep;
            await transaction.ExecuteAsync(Save, new { organizationId, kind, cutoffMs, position = leads.LastOrDefault() ?? position, isDone = isDone ? (short)1 : (short)0 }, cancellationToken);
            return (removed, isDone);
        }, cancellationToken);
    }
}
