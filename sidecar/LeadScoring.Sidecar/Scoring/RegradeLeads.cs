using Dapper;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>What a policy makes of the open leads.</summary>
/// <param name="Scale">The bounds that it comes to.</param>
/// <param name="Leads">Open leads with a score.</param>
/// <param name="Moves">Leads by grade before and after, also those that stay.</param>
internal sealed record Regrading(GradeScale Scale, int Leads, IReadOnlyDictionary<(char From, char To), int> Moves);

/// <summary>Gives open leads the grades of a policy. Scores stay as they are.</summary>
internal sealed class RegradeLeads(GradePolicyStore policies, ActiveModels models, ScoreEvents events, AuditLog audit, Database database, TimeProvider time)
{
    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public double Score { get; init; }
        public string Grade { get; init; } = "";
        public string? Exclusion { get; init; }
    }

    private readonly record struct Move(string LeadId, char From, char To);

    private const string Open = "select lead_id as LeadId, score as Score, grade as Grade, exclusion as Exclusion from leads where organization_id = @organizationId and score is not null and closed_at_ms is null";

    /// <summary>What the policy would do; nothing is stored.</summary>
    internal async Task<Regrading> PreviewAsync(string organizationId, GradePolicy policy, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(Open, new { organizationId }, cancellationToken: cancellationToken));
        return Regrade([.. rows], policy, margin: 0).Regrading;
    }

    /// <summary>Makes the policy the organization's, and gives every open lead its grade by it: what the preview of this moment says.</summary>
    internal Task<Regrading> PutAsync(string organizationId, GradePolicy policy, CancellationToken cancellationToken) => ApplyAsync(organizationId, policy, margin: 0, isNew: true, cancellationToken);

    /// <summary>Works out the bounds of a moving policy anew; a lead keeps its grade until it is beyond a bound by the policy's margin.</summary>
    internal async Task MoveBoundsAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (await policies.GetAsync(organizationId, cancellationToken) is { } active && active.Policy.Mode != GradeMode.Fixed)
            await ApplyAsync(organizationId, active.Policy, active.Policy.Margin, isNew: false, cancellationToken);
    }

    private async Task<Regrading> ApplyAsync(string organizationId, GradePolicy policy, double margin, bool isNew, CancellationToken cancellationToken)
    {
        var regrading = await database.WriteAsync(
            async transaction =>
            {
                var rows = await transaction.Connection.QueryAsync<Row>(transaction.Command(Open, new { organizationId }, cancellationToken));
                var (result, changed) = Regrade([.. rows], policy, margin);
                await policies.PutAsync(transaction, organizationId, policy, result.Scale, cancellationToken);
                if (isNew) audit.Append(transaction, organizationId, AuditKind.GradesChanged, null, new { policy.Mode, a = result.Scale.A, b = result.Scale.B, c = result.Scale.C, leads_that_change = changed.Count });
                var regraded = await WriteAsync(transaction, organizationId, changed, time.NowMs(), cancellationToken);
                await events.PutAsync(transaction, organizationId, regraded, new Dictionary<string, string>(), cancellationToken);
                return result;
            },
            cancellationToken);
        models.Forget(organizationId);
        return regrading;
    }

    private static (Regrading Regrading, List<Move> Changed) Regrade(List<Row> rows, GradePolicy policy, double margin)
    {
        var scale = policy.ScaleOver([.. rows.Where(r => r.Exclusion is null).Select(r => r.Score)]);
        var moves = new Dictionary<(char, char), int>();
        var changed = new List<Move>();
        foreach (var row in rows)
        {
            var from = row.Grade[0];
            var to = row.Exclusion is null ? scale.Of(row.Score, from, margin) : LeadScorer.ExcludedGrade;
            moves[(from, to)] = moves.GetValueOrDefault((from, to)) + 1;
            if (to != from) changed.Add(new Move(row.LeadId, from, to));
        }

        return (new Regrading(scale, rows.Count, moves), changed);
    }

    /// <returns>Leads that have another grade now.</returns>
    private static async Task<List<string>> WriteAsync(WriteTransaction transaction, string organizationId, List<Move> changed, long nowMs, CancellationToken cancellationToken)
    {
        // The ledger's new row is its last one with another grade: the score, what it is made of and what made it are the same.
        const string Ledger = """
            insert into scores (organization_id, lead_id, change, scored_at_ms, score, grade, probability, confidence, model_version, scored_by, needs_review, base_points, factors,
                cause, new_data_points, elapsed_time_points, model_points, calibration_points, exclusion)
            select organization_id, lead_id, change + 1, @nowMs, score, @grade, probability, confidence, model_version, scored_by, needs_review, base_points, factors,
                'grades', 0, 0, 0, 0, exclusion
            from scores where organization_id = @organizationId and lead_id = @leadId order by change desc limit 1
            """;
        // Of a lead that was scored anew since it was read, the new score's grade stands.
        const string Lead = "update leads set grade = @grade where organization_id = @organizationId and lead_id = @leadId and grade = @before";
        await LeadStore.LockAsync(transaction, organizationId, changed.Select(c => c.LeadId), cancellationToken);
        using var lead = transaction.Prepare(Lead, "organizationId", "leadId", "grade", "before").Set(0, organizationId);
        using var ledger = transaction.Prepare(Ledger, "organizationId", "leadId", "grade", "nowMs").Set(0, organizationId).Set(3, nowMs);
        var regraded = new List<string>();
        foreach (var (leadId, from, to) in changed)
        {
            transaction.Touch(organizationId, leadId);
            if (await lead.Set(1, leadId).Set(2, to.ToString()).Set(3, from.ToString()).ExecuteAsync(cancellationToken) != 1) continue;
            await ledger.Set(1, leadId).Set(2, to.ToString()).ExecuteAsync(cancellationToken);
            regraded.Add(leadId);
        }

        return regraded;
    }
}
