using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Imports;

/// <summary>How far an import has come.</summary>
internal sealed record ImportProgress(string ImportId, long RowsDone, bool IsDone, long StartedAtMs, ImportTally Tally);

/// <summary>The imports table: the row offset is committed with the rows themselves, so that a resumed import neither skips nor repeats any.</summary>
internal sealed class ImportProgressStore(Database database, TimeProvider time)
{
    private sealed record Row
    {
        public long RowsDone { get; init; }
        public bool IsDone { get; init; }
        public long StartedAtMs { get; init; }
        public string Report { get; init; } = "";
    }

    /// <summary>Finds the import, or makes it.</summary>
    internal Task<ImportProgress> StartAsync(string organizationId, string importId, ImportKind kind, string fileSha256, bool again, CancellationToken cancellationToken)
    {
        const string Insert = """
            insert into imports (organization_id, import_id, kind, file_sha256, rows_done, report, is_done, started_at_ms, updated_at_ms)
            values (@organizationId, @importId, @kind, @fileSha256, 0, @report, 0, @nowMs, @nowMs)
            on conflict do nothing
            """;
        const string Restart = """
            update imports set rows_done = 0, share = 0, report = @report, is_done = 0, started_at_ms = @nowMs, updated_at_ms = @nowMs
            where organization_id = @organizationId and import_id = @importId and is_done = 1
            """;
        const string Select = """
            select rows_done as RowsDone, is_done as IsDone, started_at_ms as StartedAtMs, report as Report
            from imports where organization_id = @organizationId and import_id = @importId
            """;
        return database.WriteAsync(async transaction =>
        {
            var parameters = new { organizationId, importId, kind = kind.ToString().ToLowerInvariant(), fileSha256, nowMs = time.NowMs(), report = JsonSerializer.Serialize(new ImportTally()) };
            await transaction.ExecuteAsync(Insert, parameters, cancellationToken);
            if (again) await transaction.ExecuteAsync(Restart, parameters, cancellationToken);
            var row = await transaction.Connection.QuerySingleAsync<Row>(transaction.Command(Select, parameters, cancellationToken));
            return new ImportProgress(importId, row.RowsDone, row.IsDone, row.StartedAtMs, JsonSerializer.Deserialize<ImportTally>(row.Report)!);
        }, cancellationToken);
    }

    /// <summary>Moves the offset inside the transaction that stored the rows.</summary>
    /// <exception cref="ProblemException">Somebody else has moved it: the same import runs twice.</exception>
    internal async Task AdvanceAsync(
        WriteTransaction transaction, string organizationId, string importId, long fromRow, ImportTally tally, double share, bool isDone, CancellationToken cancellationToken)
    {
        const string Sql = """
            update imports set rows_done = @Rows, share = @share, report = @report, is_done = @done, updated_at_ms = @nowMs
            where organization_id = @organizationId and import_id = @importId and rows_done = @fromRow and is_done = 0
            """;
        var parameters = new { organizationId, importId, tally.Rows, fromRow, share, report = JsonSerializer.Serialize(tally), done = isDone ? 1 : 0, nowMs = time.NowMs() };
        if (await transaction.ExecuteAsync(Sql, parameters, cancellationToken) == 0)
            throw new ProblemException(ProblemKind.Conflict, "The same import is running somewhere else. Wait for that one.");
    }

    /// <summary>An import as it stands.</summary>
    internal sealed record Listed
    {
        public string ImportId { get; init; } = "";
        public string Kind { get; init; } = "";
        public double? Share { get; init; }
        public bool IsDone { get; init; }
        public long StartedAtMs { get; init; }
        public long UpdatedAtMs { get; init; }
        public string Report { get; init; } = "";
    }

    /// <summary>The imports of an organization, the one that moved last first.</summary>
    internal async Task<IReadOnlyList<Listed>> ListAsync(string organizationId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = """
            select import_id as ImportId, kind as Kind, share as Share, is_done as IsDone, started_at_ms as StartedAtMs, updated_at_ms as UpdatedAtMs, report as Report
            from imports where organization_id = @organizationId order by updated_at_ms desc, import_id limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<Listed>(new CommandDefinition(Sql, new { organizationId, limit }, cancellationToken: cancellationToken))];
    }
}
