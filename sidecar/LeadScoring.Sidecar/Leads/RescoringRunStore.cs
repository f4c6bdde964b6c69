using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Why all open leads of an organization are scored again.</summary>
public enum RescoringReason
{
    /// <summary>Somebody asked for it.</summary>
    Request,

    /// <summary>Another champion.</summary>
    Promotion,

    /// <summary>The same model with its probabilities moved to another base rate.</summary>
    Anchor,

    /// <summary>The outcomes have corrected the rules.</summary>
    Rules,

    /// <summary>A trial ended: the leads of the version that was tried go back to the champion.</summary>
    Trial,
}

/// <summary>Where a rescoring run stands.</summary>
public enum RescoringStatus
{
    /// <summary>Under way, or waiting for a worker.</summary>
    Running,

    /// <summary>Every open lead was scored.</summary>
    Succeeded,

    /// <summary>Stopped by somebody; what was done stays.</summary>
    Cancelled,

    /// <summary>What scores changed again: a later run does all of it.</summary>
    Superseded,
}

/// <summary>A rescoring run as stored.</summary>
internal sealed record RescoringRun
{
    public string OrganizationId { get; init; } = "";
    public string RunId { get; init; } = "";
    public string Reason { get; init; } = "";
    public string Status { get; init; } = "";
    public string Position { get; init; } = "";
    public long Done { get; init; }
    public long Total { get; init; }
    public long Changed { get; init; }
    public string Moves { get; init; } = "{}";
    public string Token { get; init; } = "";
    public long CreatedAtMs { get; init; }
    public long UpdatedAtMs { get; init; }
    public long? FinishedAtMs { get; init; }

    /// <summary>Grade before and after, such as "B>A", to leads.</summary>
    internal SortedDictionary<string, int> ReadMoves() => JsonSerializer.Deserialize<SortedDictionary<string, int>>(Moves) ?? [];
}

/// <summary>What a batch did to a run.</summary>
/// <param name="Position">Id of its last lead.</param>
/// <param name="Leads">How many leads.</param>
/// <param name="Changed">How many of them changed.</param>
/// <param name="Moves">Grades before and after.</param>
internal sealed record RescoringProgress(string Position, int Leads, int Changed, IReadOnlyDictionary<string, int> Moves);

/// <summary>Rescoring runs: one at a time per organization, each done batch by batch by whoever has a worker free.</summary>
internal sealed class RescoringRunStore(Database database, TimeProvider time)
{
    private const string Columns = """
        organization_id as OrganizationId, run_id as RunId, reason as Reason, status as Status, position as Position, done as Done, total as Total, changed as Changed, moves as Moves, token as Token,
        created_at_ms as CreatedAtMs, updated_at_ms as UpdatedAtMs, finished_at_ms as FinishedAtMs
        """;

    internal const string NextLeadsSql = "select lead_id from leads where organization_id = @OrganizationId and closed_at_ms is null and lead_id > @Position order by lead_id limit @limit";

    /// <summary>Begins a run, in the place of one that is under way: what scores is another now. The open leads at this moment are what it has to do.</summary>
    internal static async Task<RescoringRun> StartAsync(WriteTransaction transaction, string organizationId, RescoringReason reason, long nowMs, CancellationToken cancellationToken)
    {
        const string End = "update rescoring_runs set status = 'superseded', finished_at_ms = @nowMs where organization_id = @organizationId and status = 'running'";
        const string Insert = """
            insert into rescoring_runs (organization_id, run_id, reason, status, position, done, total, changed, moves, token, until_ms, created_at_ms, updated_at_ms)
            select @organizationId, @runId, @reason, 'running', '', 0, count(*), 0, '{}', '', 0, @nowMs, @nowMs from leads where organization_id = @organizationId and closed_at_ms is null
            """;
        var parameters = new { organizationId, runId = Guid.NewGuid().ToString("N"), reason = JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString()), nowMs };
        await transaction.LockAsync($"rescoring {organizationId}", cancellationToken);
        await transaction.ExecuteAsync(End, parameters, cancellationToken);
        await transaction.ExecuteAsync(Insert, parameters, cancellationToken);
        const string Read = $"select {Columns} from rescoring_runs where organization_id = @organizationId and run_id = @runId";
        return await transaction.Connection.QuerySingleAsync<RescoringRun>(transaction.Command(Read, parameters, cancellationToken));
    }

    internal async Task<RescoringRun?> GetAsync(string organizationId, string runId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from rescoring_runs where organization_id = @organizationId and run_id = @runId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<RescoringRun>(new CommandDefinition(Sql, new { organizationId, runId }, cancellationToken: cancellationToken));
    }

    /// <summary>The run under way; null when there is none.</summary>
    internal async Task<RescoringRun?> OpenAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from rescoring_runs where organization_id = @organizationId and status = 'running'";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<RescoringRun>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    /// <summary>Takes the run of the next organization after <paramref name="after"/>, and round, for one batch; null when there is none to take.</summary>
    internal async Task<RescoringRun?> TakeAsync(string after, CancellationToken cancellationToken)
    {
        // As with leads: a batch whose time ran out, or of a clock ahead of this one, is anybody's.
        const string Free = "status = 'running' and (until_ms <= @nowMs or until_ms > @latestMs)";
        const string Sql = $"select {Columns} from rescoring_runs where {Free} order by case when organization_id > @after then 0 else 1 end, organization_id limit 1";
        const string Take = $"update rescoring_runs set token = @token, until_ms = @latestMs where organization_id = @OrganizationId and run_id = @RunId and position = @Position and {Free}";
        var nowMs = time.NowMs();
        var latestMs = nowMs + (long)StaleLeads.Lease.TotalMilliseconds;
        RescoringRun? run;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            run = await connection.QuerySingleOrDefaultAsync<RescoringRun>(new CommandDefinition(Sql, new { after, nowMs, latestMs }, cancellationToken: cancellationToken));
        if (run is null) return null;
        var token = Guid.NewGuid().ToString("N");
        var taken = await database.WriteAsync(
            transaction => transaction.ExecuteAsync(Take, new { run.OrganizationId, run.RunId, run.Position, token, nowMs, latestMs }, cancellationToken), cancellationToken);
        return taken == 1 ? run with { Token = token } : null;
    }

    /// <summary>The open leads that come next.</summary>
    internal async Task<IReadOnlyList<string>> NextLeadsAsync(RescoringRun run, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<string>(new CommandDefinition(NextLeadsSql, new { run.OrganizationId, run.Position, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Notes a batch in the transaction that stores its scores, and gives the run back. False: another has it, or it was ended, and nothing may be stored.</summary>
    internal static async Task<bool> AdvanceAsync(WriteTransaction transaction, RescoringRun run, RescoringProgress batch, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            update rescoring_runs set position = @Position, done = done + @Leads, changed = changed + @Changed, moves = @moves, updated_at_ms = @nowMs, token = '', until_ms = 0
            where organization_id = @OrganizationId and run_id = @RunId and status = 'running' and token = @Token
            """;
        var moves = run.ReadMoves();
        foreach (var (move, leads) in batch.Moves) moves[move] = moves.GetValueOrDefault(move) + leads;
        return await transaction.ExecuteAsync(
            Sql, new { run.OrganizationId, run.RunId, run.Token, batch.Position, batch.Leads, batch.Changed, moves = JsonSerializer.Serialize(moves), nowMs }, cancellationToken) == 1;
    }

    /// <summary>Gives a run back without progress.</summary>
    internal Task ReleaseAsync(RescoringRun run, CancellationToken cancellationToken)
    {
        const string Sql = "update rescoring_runs set token = '', until_ms = 0 where organization_id = @OrganizationId and run_id = @RunId and token = @Token";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { run.OrganizationId, run.RunId, run.Token }, cancellationToken), cancellationToken);
    }

    /// <summary>Ends a run; false when it has ended already.</summary>
    internal Task<bool> EndAsync(string organizationId, string runId, RescoringStatus status, CancellationToken cancellationToken)
    {
        const string Sql = "update rescoring_runs set status = @status, finished_at_ms = @nowMs, updated_at_ms = @nowMs where organization_id = @organizationId and run_id = @runId and status = 'running'";
        return database.WriteAsync(
            async transaction => await transaction.ExecuteAsync(Sql, new { organizationId, runId, status = JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString()), nowMs = time.NowMs() }, cancellationToken) == 1,
            cancellationToken);
    }
}
