using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Outcomes;

/// <summary>What is left of a lead whose person was taken out. Moments are the first of their month (UTC), and nothing names a lead.</summary>
internal sealed record AnonymousLead
{
    public string AnonymousId { get; init; } = "";

    /// <summary>JSON: see <see cref="Key"/>; what is missing is not in it, and a level that few had is null.</summary>
    public string Features { get; init; } = "{}";

    public long DecidedMs { get; init; }

    /// <summary>From the decision moment to the outcome, begun days counted whole: an outcome within a horizon of whole days stays within it.</summary>
    public int Days { get; init; }

    public bool Converted { get; init; }
    public double? Revenue { get; init; }

    /// <summary>The score that the team decided by; null with all that follows when there was none.</summary>
    public long? ScoredMs { get; init; }

    public int? ScoredDays { get; init; }
    public double? Score { get; init; }
    public string? Grade { get; init; }
    public double? Probability { get; init; }
    public int? ModelVersion { get; init; }

    /// <summary>Whoever is gone converts no more: the outcome is final.</summary>
    internal LabeledLead Label => new(AnonymousId, Converted, DecidedMs + (Days * ActivityState.DayMs), DecidedMs, Revenue, IsFinal: true);

    /// <summary>A feature and what it means: a value is of use to another profile as long as it means the same there.</summary>
    internal static string Key(FeatureDefinition feature) => $"{feature.Name} {FeatureProfile.MeaningOf(feature)}";

    /// <summary>The values in the order of a profile; missing where it means something else by the name.</summary>
    internal void Read(FeatureProfile profile, Span<FeatureValue> destination)
    {
        using var json = JsonDocument.Parse(Features);
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = !json.RootElement.TryGetProperty(Key(profile.Features[i]), out var value) ? FeatureValue.Missing : value.ValueKind switch
            {
                JsonValueKind.Number => new FeatureValue(value.GetDouble(), null),
                JsonValueKind.String => new FeatureValue(double.NaN, value.GetString()),
                // A level that nobody else has: training counts it among the rare ones, where it was.
                _ => new FeatureValue(double.NaN, AnonymousId),
            };
        }
    }
}

/// <summary>The anonymous_leads table: training and business figures read it, and nobody else. Nothing in it is scored, listed or sent.</summary>
internal sealed class AnonymousLeads(Database database)
{
    internal static async Task AddAsync(WriteTransaction transaction, string organizationId, IEnumerable<AnonymousLead> leads, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into anonymous_leads (organization_id, anonymous_id, features, decided_ms, days, converted, revenue, scored_ms, scored_days, score, grade, probability, model_version)
            values (@organizationId, @AnonymousId, @Features, @DecidedMs, @Days, @converted, @Revenue, @ScoredMs, @ScoredDays, @Score, @Grade, @Probability, @ModelVersion)
            """;
        foreach (var l in leads)
        {
            await transaction.ExecuteAsync(
                Sql,
                new { organizationId, l.AnonymousId, l.Features, l.DecidedMs, l.Days, converted = l.Converted ? (short)1 : (short)0, l.Revenue, l.ScoredMs, l.ScoredDays, l.Score, l.Grade, l.Probability, l.ModelVersion },
                cancellationToken);
        }
    }

    /// <summary>All of an organization in the order of their ids, which is none.</summary>
    internal async Task<IReadOnlyList<AnonymousLead>> ReadAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = """
            select anonymous_id as AnonymousId, features as Features, decided_ms as DecidedMs, days as Days, converted as Converted, revenue as Revenue, scored_ms as ScoredMs, scored_days as ScoredDays,
                   score as Score, grade as Grade, probability as Probability, model_version as ModelVersion
            from anonymous_leads where organization_id = @organizationId order by anonymous_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<AnonymousLead>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }
}
