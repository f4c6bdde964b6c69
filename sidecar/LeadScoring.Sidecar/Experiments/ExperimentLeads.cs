using Dapper;
using LeadScoring.Ml.Experiments;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>A lead comes into an experiment.</summary>
/// <param name="Probability">Of the model that scored it.</param>
/// <param name="Place">On an interleaved list; 0 elsewhere.</param>
internal sealed record Exposure(string LeadId, bool IsChallenger, long ExposedAtMs, double Probability, int Place = 0);

/// <summary>Leads that wait for the scores of a shadow.</summary>
internal sealed record WaitingShadow(string OrganizationId, string ExperimentId, IReadOnlyList<string> LeadIds);

/// <summary>Both models' probabilities of a lead, made of the same facts at the same moment.</summary>
internal sealed record ShadowScore(string LeadId, double Champion, double Challenger);

/// <summary>What an experiment has of its leads so far.</summary>
/// <param name="Arms">All leads, in the order of exposure: true for the challenger's.</param>
/// <param name="Mature">Those whose horizon is over, in that order.</param>
internal sealed record ExposedLeads(IReadOnlyList<bool> Arms, IReadOnlyList<TestedLead> Mature);

/// <summary>Leads of experiments; a lead's row never changes its arm.</summary>
internal sealed class ExperimentLeads(Database database)
{
    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public bool IsChallenger { get; init; }
        public long ExposedAtMs { get; init; }
        public double? Champion { get; init; }
        public double? Challenger { get; init; }
        public long? OutcomeAtMs { get; init; }
        public long? ConvertedAtMs { get; init; }
    }

    /// <summary>In the transaction of the leads' first scores. In a split each model's probability is kept, in a shadow the lead waits for both; an interleaved list takes its leads when it is asked for.</summary>
    internal static async Task ExposeAsync(WriteTransaction transaction, string organizationId, ModelTrial trial, IReadOnlyList<Exposure> exposures, CancellationToken cancellationToken)
    {
        if (trial.ReadKind() == ExperimentKind.Interleaved) return;
        await AddAsync(transaction, organizationId, trial.ExperimentId, exposures, isWaiting: trial.Kind == ModelTrial.Shadow, cancellationToken);
    }

    /// <summary>Leads that are in already stay as they are.</summary>
    internal static async Task AddAsync(WriteTransaction transaction, string organizationId, string experimentId, IReadOnlyList<Exposure> exposures, bool isWaiting, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into experiment_leads (organization_id, experiment_id, lead_id, is_challenger, exposed_at_ms, place, champion_probability, challenger_probability, is_waiting)
            values (@organizationId, @experimentId, @leadId, @isChallenger, @exposedAtMs, @place, @champion, @challenger, @isWaiting)
            on conflict (organization_id, experiment_id, lead_id) do nothing
            """;
        foreach (var e in exposures)
        {
            await transaction.ExecuteAsync(Sql, new
            {
                organizationId, experimentId, leadId = e.LeadId, isChallenger = e.IsChallenger ? 1 : 0, exposedAtMs = e.ExposedAtMs, place = e.Place,
                champion = e.IsChallenger || isWaiting ? (double?)null : e.Probability, challenger = e.IsChallenger ? e.Probability : (double?)null, isWaiting = isWaiting ? 1 : 0,
            }, cancellationToken);
        }
    }

    /// <summary>Some leads of the next organization after <paramref name="after"/>, and round, that wait for a shadow's score; null when there are none.</summary>
    internal async Task<WaitingShadow?> WaitingAsync(string after, int limit, CancellationToken cancellationToken)
    {
        const string Trial = """
            select t.organization_id, t.experiment_id from model_trials as t
            where t.kind = 'shadow' and exists (select 1 from experiment_leads as e where e.organization_id = t.organization_id and e.experiment_id = t.experiment_id and e.is_waiting = 1)
            order by case when t.organization_id > @after then 0 else 1 end, t.organization_id limit 1
            """;
        const string Leads = """
            select lead_id from experiment_leads
            where organization_id = @organizationId and experiment_id = @experimentId and is_waiting = 1 order by exposed_at_ms, lead_id limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var (organizationId, experimentId) = await connection.QueryFirstOrDefaultAsync<(string?, string?)>(new CommandDefinition(Trial, new { after }, cancellationToken: cancellationToken));
        if (organizationId is null) return null;
        return new WaitingShadow(organizationId, experimentId!, [.. await connection.QueryAsync<string>(new CommandDefinition(Leads, new { organizationId, experimentId, limit }, cancellationToken: cancellationToken))]);
    }

    /// <summary>Takes leads off the wait. Those without a score (closed or changed beyond scoring meanwhile) are counted nowhere.</summary>
    internal Task SetShadowAsync(WaitingShadow waiting, IReadOnlyList<ShadowScore> scores, CancellationToken cancellationToken)
    {
        const string Sql = """
            update experiment_leads set champion_probability = @champion, challenger_probability = @challenger, is_waiting = 0
            where organization_id = @OrganizationId and experiment_id = @ExperimentId and lead_id = @leadId and is_waiting = 1
            """;
        var known = scores.ToDictionary(s => s.LeadId, StringComparer.Ordinal);
        return database.WriteAsync(async transaction =>
        {
            foreach (var leadId in waiting.LeadIds)
            {
                var score = known.GetValueOrDefault(leadId);
                await transaction.ExecuteAsync(Sql, new { waiting.OrganizationId, waiting.ExperimentId, leadId, champion = score?.Champion, challenger = score?.Challenger }, cancellationToken);
            }
        }, cancellationToken);
    }

    /// <summary>Leads with their arms, for a list that goes on.</summary>
    internal async Task<IReadOnlyDictionary<string, bool>> ArmsAsync(string organizationId, string experimentId, CancellationToken cancellationToken)
    {
        const string Sql = "select lead_id as LeadId, is_challenger as IsChallenger from experiment_leads where organization_id = @organizationId and experiment_id = @experimentId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { organizationId, experimentId }, cancellationToken: cancellationToken))).ToDictionary(r => r.LeadId, r => r.IsChallenger, StringComparer.Ordinal);
    }

    /// <summary>
    /// Leads in the order of exposure with what became of them. A lead counts when its horizon is over, converted or not: conversions are known before losses, and whoever counts them as they come counts too many.
    /// Leads that had an outcome before they were exposed are left out.
    /// </summary>
    internal async Task<ExposedLeads> ReadAsync(StoredExperiment experiment, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            select e.lead_id as LeadId, e.is_challenger as IsChallenger, e.exposed_at_ms as ExposedAtMs, e.champion_probability as Champion, e.challenger_probability as Challenger,
                   (select min(o.occurred_at_ms) from outcomes o where o.organization_id = e.organization_id and o.lead_id = e.lead_id) as OutcomeAtMs,
                   (select min(o.occurred_at_ms) from outcomes o where o.organization_id = e.organization_id and o.lead_id = e.lead_id and o.converted = 1) as ConvertedAtMs
            from experiment_leads e
            where e.organization_id = @OrganizationId and e.experiment_id = @ExperimentId
            order by e.exposed_at_ms, e.place, e.lead_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        Row[] rows = [.. await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { experiment.OrganizationId, experiment.ExperimentId }, cancellationToken: cancellationToken))];
        var horizonMs = experiment.ReadRule().HorizonDays * ActivityState.DayMs;
        var isShadow = experiment.ReadKind() == ExperimentKind.Shadow;
        return new ExposedLeads(
            Array.ConvertAll(rows, r => r.IsChallenger),
            [
                .. from r in rows
                   where r.ExposedAtMs + horizonMs <= nowMs && !(r.OutcomeAtMs < r.ExposedAtMs) && (!isShadow || r is { Champion: not null, Challenger: not null })
                   select new TestedLead(r.LeadId, r.IsChallenger, r.ConvertedAtMs <= r.ExposedAtMs + horizonMs, r.Champion ?? double.NaN, r.Challenger ?? double.NaN),
            ]);
    }
}
