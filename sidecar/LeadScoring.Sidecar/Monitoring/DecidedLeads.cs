using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>A lead whose outcome is known, with the score that stood when the team decided what to do with it: never a later one, and never one from after the outcome.</summary>
internal sealed record DecidedLead
{
    public string LeadId { get; init; } = "";

    /// <summary>When that score was made.</summary>
    public long ScoredAtMs { get; init; }

    public double Score { get; init; }
    public string Grade { get; init; } = "";
    public double Probability { get; init; }
    public int? ModelVersion { get; init; }
    public bool Converted { get; init; }
    public long OccurredAtMs { get; init; }
    public double? Revenue { get; init; }
    public string? Stage { get; init; }
    public bool? IsFinal { get; init; }
    public long? FirstContactMs { get; init; }

    /// <summary>When the lead came into the pipeline; null when nobody said.</summary>
    public long? CreatedAtMs { get; init; }

    /// <summary>In the hold-out: drawn for it, or its attribute hold_out is true, and the team worked it without regard to its score.</summary>
    public bool IsHoldOut { get; init; }

    /// <summary>One whose person was taken out, with the score that it had.</summary>
    internal static DecidedLead Of(AnonymousLead lead) => new()
    {
        LeadId = lead.AnonymousId, ScoredAtMs = lead.ScoredMs!.Value, Score = lead.Score!.Value, Grade = lead.Grade!, Probability = lead.Probability!.Value, ModelVersion = lead.ModelVersion,
        Converted = lead.Converted, OccurredAtMs = lead.ScoredMs.Value + (lead.ScoredDays!.Value * ActivityState.DayMs), Revenue = lead.Revenue, IsFinal = true,
    };

    /// <summary>What the outcome says by now.</summary>
    internal MaturedLabel Label(FeatureProfile profile, long nowMs) => LabelMaturity.Of(Converted, OccurredAtMs, IsFinal, Stage, ScoredAtMs, profile, nowMs);
}

/// <summary>Outcomes joined with the scores of their time.</summary>
/// <remarks>
/// The moment of decision is the outcome's as_of where it was given, else the first recorded action, else the first score. The score is the last one by then; where there was none by then, the first one.
/// A lead that was scored for the first time after its outcome (an import of history) is left out: nobody decided by that score.
/// </remarks>
internal sealed class DecidedLeads(Database database)
{
    private const string All = "where organization_id = @organizationId", One = "where organization_id = @organizationId and lead_id = @leadId";

    private static string Sql(string of) => $$"""
            select s.lead_id as LeadId, s.scored_at_ms as ScoredAtMs, s.score as Score, s.grade as Grade, s.probability as Probability, s.model_version as ModelVersion,
                   d.converted as Converted, d.occurred_at_ms as OccurredAtMs, d.revenue as Revenue, d.stage as Stage, d.is_final as IsFinal, d.contact_ms as FirstContactMs, l.created_at_ms as CreatedAtMs,
                   case when l.slice = 'hold_out' or l.attributes like '%"hold_out":true%' or l.attributes like '%"hold_out":"true"%' then 1 else 0 end as IsHoldOut
            from (select o.lead_id, o.converted, o.occurred_at_ms, o.as_of_ms, o.revenue, o.stage, o.is_final,
                         (select min(a.taken_at_ms) from actions_taken a where a.organization_id = @organizationId and a.lead_id = o.lead_id and a.taken_at_ms < o.occurred_at_ms) as contact_ms
                  from (select lead_id, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final,
                               row_number() over (partition by lead_id order by occurred_at_ms desc, converted desc, source) as place
                        from outcomes {{of}}) as o
                  where o.place = 1) as d
            join scores s on s.organization_id = @organizationId and s.lead_id = d.lead_id
                and s.change = case when coalesce(d.as_of_ms, d.contact_ms) is null then 1 else coalesce((select c.change from scores c
                    where c.organization_id = @organizationId and c.lead_id = d.lead_id and c.scored_at_ms <= coalesce(d.as_of_ms, d.contact_ms) order by c.change desc limit 1), 1) end
            join leads l on l.organization_id = @organizationId and l.lead_id = d.lead_id
            where s.scored_at_ms < d.occurred_at_ms and s.scored_at_ms >= @sinceMs
            order by s.scored_at_ms, s.lead_id
            """;

    /// <summary>Those decided from a moment on, in the order of decisions.</summary>
    internal async Task<IReadOnlyList<DecidedLead>> ReadAsync(string organizationId, long sinceMs, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<DecidedLead>(new CommandDefinition(Sql(All), new { organizationId, sinceMs }, cancellationToken: cancellationToken))];
    }

    /// <summary>One lead; null when nothing was decided, or nothing came of it yet.</summary>
    internal static Task<DecidedLead?> FindAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken) =>
        transaction.Connection.QuerySingleOrDefaultAsync<DecidedLead>(transaction.Command(Sql(One), new { organizationId, leadId, sinceMs = 0L }, cancellationToken));

    /// <summary>Probability of every lead's first score from a moment on, in the order of time: leads without an outcome included.</summary>
    internal async Task<IReadOnlyList<(long ScoredAtMs, double Probability)>> FirstScoresAsync(string organizationId, long sinceMs, CancellationToken cancellationToken)
    {
        const string Sql = "select scored_at_ms, probability from scores where organization_id = @organizationId and change = 1 and scored_at_ms >= @sinceMs order by scored_at_ms, lead_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<(long, double)>(new CommandDefinition(Sql, new { organizationId, sinceMs }, cancellationToken: cancellationToken))];
    }
}
