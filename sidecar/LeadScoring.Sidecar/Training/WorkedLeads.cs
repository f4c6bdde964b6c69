using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

/// <summary>What is known of the work on leads with outcomes: who was worked, and with which score the team decided.</summary>
/// <remarks>
/// Work is a recorded action, or an attempted call: a call alone may be the lead's own. Where contacts began to be recorded later, where events are gone, or where no score stood before the outcome, nobody knows.
/// </remarks>
internal sealed class WorkedLeads(Database database)
{
    private const int Seed = 29;

    // The first contact follows the first decision that led to one; what was decided in the week before it may have been worked with it.
    private const long BeforeFirstMs = 7 * ActivityState.DayMs;

    /// <summary>First contact of a lead before its outcome; null without one.</summary>
    internal static long? FirstContact(LabeledLead label, IReadOnlyList<ActivityEvent> events)
    {
        foreach (var e in events)
        {
            if (e.OccurredAtMs >= label.OccurredAtMs) break;
            if (IsContact(e)) return e.OccurredAtMs;
        }

        return null;
    }

    internal static bool IsContact(ActivityEvent e) => e.Type == EventTypes.CallAttempted || e.Type.StartsWith(EventTypes.ActionTakenPrefix, StringComparison.Ordinal);

    /// <summary>A lead whose outcome is final.</summary>
    /// <param name="DecidedAtMs">When the team decided: the outcome's as_of, else the first contact; null when neither is known, then by the first score.</param>
    /// <param name="OccurredAtMs">When its outcome came.</param>
    /// <param name="IsWorked">Whether it was worked before.</param>
    /// <param name="IsWhole">All of its events are still there.</param>
    internal readonly record struct Lead(string LeadId, long? DecidedAtMs, long OccurredAtMs, bool IsWorked, bool IsWhole, float Label);

    /// <summary>The check, and the weights by which leads that were worked stand for the others; null when no chance could be estimated.</summary>
    internal async Task<(EffortCheck Check, float[]? Weights)> ReadAsync(string organizationId, IReadOnlyList<Lead> leads, long recordedSinceMs, CancellationToken cancellationToken)
    {
        var known = new Dictionary<string, (int Row, long AtMs, double Probability)>(StringComparer.Ordinal);
        if (leads.Any(l => l.IsWorked))
        {
            var place = Enumerable.Range(0, leads.Count).Where(i => leads[i].IsWhole).ToDictionary(i => leads[i].LeadId, StringComparer.Ordinal);
            await foreach (var (leadId, atMs, probability) in ScoresAsync(organizationId, cancellationToken))
            {
                if (!place.TryGetValue(leadId, out var row) || atMs >= leads[row].OccurredAtMs) continue;
                // In the order of time: the first one stands, until a later one by the decision.
                if (!known.ContainsKey(leadId) || atMs <= leads[row].DecidedAtMs) known[leadId] = (row, atMs, probability);
            }
        }

        (int Row, long AtMs, double Probability)[] decided = [.. known.Values.Where(k => k.AtMs >= recordedSinceMs - BeforeFirstMs || leads[k.Row].DecidedAtMs >= recordedSinceMs).OrderBy(k => k.Row)];
        var probabilities = Array.ConvertAll(decided, d => d.Probability);
        var worked = Array.ConvertAll(decided, d => leads[d.Row].IsWorked);
        var chances = ContactPropensity.Estimate(probabilities, Array.ConvertAll(decided, d => leads[d.Row].DecidedAtMs ?? d.AtMs), worked, Seed);
        var check = EffortCheck.Of(probabilities, worked, Array.ConvertAll(decided, d => leads[d.Row].Label), chances);
        if (chances is null) return (check, null);
        var (all, chance) = (new bool?[leads.Count], new double[leads.Count]);
        for (var i = 0; i < decided.Length; i++) (all[decided[i].Row], chance[decided[i].Row]) = (worked[i], chances[i]);
        return (check, EffortWeights.Of(all, chance));
    }

    private async IAsyncEnumerable<(string LeadId, long AtMs, double Probability)> ScoresAsync(string organizationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = "select lead_id, scored_at_ms, probability from scores where organization_id = @organizationId order by lead_id, change";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) yield return (rows.GetString(0), rows.GetInt64(1), rows.GetDouble(2));
    }
}
