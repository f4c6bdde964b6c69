using System.Globalization;
using System.Net;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Dynamics;

/// <summary>
/// Scores in the native table <c>msdyn_predictivescores</c>, which Dynamics 365 Sales shows on its lead forms. Microsoft documents that a model of one's own may write it ("Populate predictive scores using custom
/// scoring model"); it has a place for the score (whole, 0 to 100) and the grade (A to D), and for nothing else of ours. The format of its reasons is not documented: they are not written.
/// </summary>
internal sealed class DynamicsScores(DynamicsClient client, string prefix)
{
    internal const string Table = "msdyn_predictivescores";

    /// <summary>"Not enough info".</summary>
    internal const int TrendUnknown = 3;
    private static readonly string[] Grades = ["A", "B", "C", "D"];

    private string Score => prefix + "score";

    private string Grade => prefix + "grade";

    internal async Task<FieldReport> EnsureAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string[] ready = [.. fields.Select(f => f.Name).Where(n => n == Score || n == Grade)];
        string[] missing = [.. fields.Select(f => f.Name).Except(ready)];
        try
        {
            await client.TryAsync(Table, "msdyn_score", cancellationToken);
        }
        catch (ConnectorException e) when (e.Failure is ConnectorFailure.NotFound or ConnectorFailure.Forbidden)
        {
            return new FieldReport([], [], [], [.. fields.Select(f => f.Name)]);
        }

        return new FieldReport(ready, [], [], missing);
    }

    internal async Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken)
    {
        var results = new List<WriteResult>(writes.Count);
        foreach (var write in writes)
        {
            try
            {
                results.Add(await WriteOneAsync(write, cancellationToken));
            }
            catch (ConnectorException e) when (results.Count > 0 && e.Failure is ConnectorFailure.RateLimited or ConnectorFailure.Unavailable)
            {
                results.AddRange(writes.Skip(results.Count).ToArray().Select(w => new WriteResult(w.RecordId, WriteStatus.TryAgain, e.Failure == ConnectorFailure.RateLimited ? "RATE_LIMITED" : "UNAVAILABLE")));
                break;
            }
        }

        return results;
    }

    private async Task<WriteResult> WriteOneAsync(RecordWrite write, CancellationToken cancellationToken)
    {
        if (!Guid.TryParse(write.RecordId, out var lead) || !double.TryParse(write.Values.GetValueOrDefault(Score), NumberStyles.Float, CultureInfo.InvariantCulture, out var score)) return new WriteResult(write.RecordId, WriteStatus.Rejected, "NO_SCORE");
        var grade = write.Values.TryGetValue(Grade, out var g) && Array.IndexOf(Grades, g) is >= 0 and var index ? index : (int?)null;
        return await client.PutScoreAsync(lead, (int)Math.Clamp(Math.Round(score, MidpointRounding.AwayFromZero), 0, 100), grade, cancellationToken) switch
        {
            null => new WriteResult(write.RecordId, WriteStatus.Written),
            (HttpStatusCode.PreconditionFailed, var code) => new WriteResult(write.RecordId, WriteStatus.TryAgain, code ?? "MADE_JUST_NOW"),
            var (status, code) => new WriteResult(write.RecordId, WriteStatus.Rejected, code ?? $"HTTP_{(int)status}"),
        };
    }
}
