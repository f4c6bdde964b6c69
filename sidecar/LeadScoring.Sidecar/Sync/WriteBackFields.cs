using System.Globalization;
using LeadScoring.Connectors;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Sync;

/// <summary>What reps see in the CRM: the fields, and what is in them.</summary>
internal static class WriteBackFields
{
    private const int MostReasons = 3;
    private const int LongestText = 250;
    private static readonly string[] Grades = ["A", "B", "C", "D"];

    internal static IReadOnlyList<FieldDefinition> Of(string prefix) =>
    [
        new(prefix + "score", "Lead score", FieldKind.Number),
        new(prefix + "grade", "Lead grade", FieldKind.Choice, Grades),
        new(prefix + "confidence", "Lead score confidence", FieldKind.Number),
        new(prefix + "next_best_action", "Next best action", FieldKind.Text),
        new(prefix + "contact_at", "Best time to contact", FieldKind.Moment),
        new(prefix + "reason_1", "Lead score reason 1", FieldKind.Text),
        new(prefix + "reason_2", "Lead score reason 2", FieldKind.Text),
        new(prefix + "reason_3", "Lead score reason 3", FieldKind.Text),
        new(prefix + "model_version", "Lead score model", FieldKind.Text),
        new(prefix + "scored_at", "Lead scored at", FieldKind.Moment),
    ];

    /// <param name="prefix">Ours.</param>
    /// <param name="score">The newest row of the ledger: what the service says of the lead, too.</param>
    /// <param name="recommendation">As of now.</param>
    /// <param name="ready">Fields that may be written.</param>
    internal static Dictionary<string, string> Values(string prefix, StoredScore score, Recommendation recommendation, IReadOnlySet<string> ready)
    {
        // Texts of earlier versions' rows are missing.
        string[] reasons = [.. score.Explanation.Factors.OrderByDescending(f => Math.Abs(f.Points)).Take(MostReasons).Select(f => f.Text ?? f.Feature)];
        var values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["score"] = score.Score.ToString("0.0", CultureInfo.InvariantCulture),
            ["grade"] = score.Grade,
            ["confidence"] = score.Confidence.ToString("0.00", CultureInfo.InvariantCulture),
            ["next_best_action"] = recommendation.Action,
            ["contact_at"] = recommendation.ContactAtMs is { } at ? MomentConverter.Text(Moment.Of(at)) : "",
            ["model_version"] = score.ModelVersion?.ToString(CultureInfo.InvariantCulture) ?? score.ScoredBy,
            ["scored_at"] = MomentConverter.Text(Moment.Of(score.ScoredAtMs)),
        };
        for (var i = 0; i < MostReasons; i++) values[$"reason_{i + 1}"] = i < reasons.Length ? reasons[i] : "";
        return values.Where(v => ready.Contains(prefix + v.Key)).ToDictionary(v => prefix + v.Key, v => v.Value.Length <= LongestText ? v.Value : v.Value[..LongestText], StringComparer.Ordinal);
    }
}
