using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Imports;

internal static class ListImports
{
    /// <param name="IsDone">Imported to the end; else it runs, or was interrupted and goes on when the file is sent again.</param>
    /// <param name="Fraction">How far, 0 to 1, by bytes of the file; absent of imports of earlier versions that have not ended.</param>
    /// <param name="UpdatedAt">When its last rows were stored.</param>
    /// <param name="Rows">Rows so far, and what became of them.</param>
    /// <param name="Faults">The first 20 rejected rows.</param>
    public sealed record Item(
        string ImportId, ImportKind Kind, bool IsDone, double? Fraction, DateTimeOffset StartedAt, DateTimeOffset UpdatedAt, long Rows, long Created, long Updated, long Unchanged, long Duplicates, long Outcomes, long Rejected,
        IReadOnlyList<RowFault> Faults);

    public sealed record Response(IReadOnlyList<Item> Imports);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, ImportProgressStore store, CancellationToken cancellationToken, [Description("1 to 100; default 10.")] int limit = 10)
    {
        if (limit is < 1 or > 100) throw ProblemException.Invalid("?limit", "limit is 1 to 100.");
        return TypedResults.Ok(new Response([.. (await store.ListAsync(caller.OrganizationId, limit, cancellationToken)).Select(Of)]));
    }

    private static Item Of(ImportProgressStore.Listed row)
    {
        var tally = JsonSerializer.Deserialize<ImportTally>(row.Report)!;
        return new Item(
            row.ImportId, Enum.Parse<ImportKind>(row.Kind, ignoreCase: true), row.IsDone, row.IsDone ? 1 : row.Share is { } share ? Math.Round(share, 4) : null, Moment.Of(row.StartedAtMs), Moment.Of(row.UpdatedAtMs),
            tally.Rows, tally.Created, tally.Updated, tally.Unchanged, tally.Duplicates, tally.Outcomes, tally.Rejected, tally.Faults);
    }
}
