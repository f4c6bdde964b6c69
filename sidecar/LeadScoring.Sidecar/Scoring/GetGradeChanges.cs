using System.ComponentModel;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>The open leads by grade, and what became another grade of late.</summary>
internal static class GetGradeChanges
{
    private const int MaxLimit = 200;
    private const int MostDays = 31;

    /// <param name="Cause">What made most of the difference.</param>
    public sealed record Change(string LeadId, string From, string To, double ScoreFrom, double ScoreTo, ChangeCause? Cause, DateTimeOffset At);

    /// <param name="Grades">Open leads by the machine's grade, as they are now.</param>
    /// <param name="Up">Changes to a better grade since then.</param>
    /// <param name="Down">Changes to a worse one.</param>
    /// <param name="FirstScored">Leads that got their first score since then.</param>
    /// <param name="Changes">The newest first.</param>
    public sealed record Response(DateTimeOffset Since, IReadOnlyDictionary<string, int> Grades, int Up, int Down, int FirstScored, IReadOnlyList<Change> Changes);

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public string GradeFrom { get; init; } = "";
        public string GradeTo { get; init; } = "";
        public double ScoreFrom { get; init; }
        public double ScoreTo { get; init; }
        public string? Cause { get; init; }
        public long AtMs { get; init; }
    }

    private sealed record Count
    {
        public string Name { get; init; } = "";
        public int Leads { get; init; }
    }

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, Database database, TimeProvider time, CancellationToken cancellationToken,
        [Description("Changes at or after this moment, at most 31 days ago; default a day ago.")] string? since = null, [Description("1 to 200; default 20.")] int limit = 20)
    {
        const string Mix = "select grade as Name, count(*) as Leads from leads where organization_id = @OrganizationId and closed_at_ms is null and score is not null group by grade";
        // A lead's first score has no grade before it, and its number is in the index: the day on which all leads are scored for the first time reads none of their rows.
        const string First = "select count(*) from scores where organization_id = @OrganizationId and scored_at_ms >= @sinceMs and change = 1";
        const string Changed = """
            select s.lead_id as LeadId, p.grade as GradeFrom, s.grade as GradeTo, p.score as ScoreFrom, s.score as ScoreTo, s.cause as Cause, s.scored_at_ms as AtMs
            from scores c
            join scores s on s.organization_id = c.organization_id and s.lead_id = c.lead_id and s.change = c.change
            join scores p on p.organization_id = c.organization_id and p.lead_id = c.lead_id and p.change = c.change - 1
            where c.organization_id = @OrganizationId and c.scored_at_ms >= @sinceMs and c.change > 1 and s.grade <> p.grade
            order by s.scored_at_ms desc, s.lead_id
            """;
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit}.");
        var nowMs = time.NowMs();
        var sinceMs = nowMs - ActivityState.DayMs;
        if (since is not null && (!DateText.TryParse(since, out sinceMs) || sinceMs < nowMs - (MostDays * ActivityState.DayMs)))
            throw ProblemException.Invalid("?since", $"since is a moment such as 2026-05-31T14:00:00Z, at most {MostDays} days ago.");
        var parameters = new { caller.OrganizationId, sinceMs };
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var mix = await connection.QueryAsync<Count>(new CommandDefinition(Mix, parameters, cancellationToken: cancellationToken));
        var first = await connection.ExecuteScalarAsync<int>(new CommandDefinition(First, parameters, cancellationToken: cancellationToken));
        var changed = (await connection.QueryAsync<Row>(new CommandDefinition(Changed, parameters, cancellationToken: cancellationToken))).AsList();
        var up = changed.Count(r => string.CompareOrdinal(r.GradeTo, r.GradeFrom) < 0);
        var grades = mix.ToDictionary(c => c.Name, c => c.Leads);
        return TypedResults.Ok(new Response(
            Moment.Of(sinceMs), new SortedDictionary<string, int>(new[] { "A", "B", "C", "D" }.ToDictionary(g => g, g => grades.GetValueOrDefault(g)), StringComparer.Ordinal),
            up, changed.Count - up, first,
            [.. changed.Take(limit).Select(r => new Change(r.LeadId, r.GradeFrom, r.GradeTo, r.ScoreFrom, r.ScoreTo, r.Cause is null ? null : ScoreStore.Parse<ChangeCause>(r.Cause), Moment.Of(r.AtMs)))]));
    }
}
