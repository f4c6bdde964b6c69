using System.ComponentModel;
using System.Globalization;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Feedback;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Monitoring;

internal static class GetBusiness
{
    internal const string Name = "business";
    internal const int DefaultDays = 365;
    internal const double DefaultCapacity = 0.2;

    /// <summary>What became of the leads of a grade, by their grade at the decision.</summary>
    /// <param name="Leads">With a final outcome.</param>
    /// <param name="Conversion">How many converted.</param>
    /// <param name="FalsePositives">How many did not, though the grade says to work them; absent for C and D, which are not worked.</param>
    /// <param name="Revenue">Sum over those that converted.</param>
    /// <param name="RevenuePerLead">Over all of the grade's leads, those without a conversion as nothing.</param>
    public sealed record Grade(string Name, int Leads, ShareOf Conversion, ShareOf? FalsePositives, double Revenue, MeanOf RevenuePerLead);

    /// <param name="Hours">From a lead's first A to the first recorded action after it.</param>
    /// <param name="Contacted">How many A leads have one.</param>
    public sealed record FirstContact(MedianOf Hours, ShareOf Contacted);

    /// <param name="Decisions">Scored leads with a final outcome in these days: all figures but contact and feedback are about them.</param>
    /// <param name="Queue">Calling by score against calling in the order of arrival: a backtest on outcomes as they were. Absent without decisions.</param>
    /// <param name="FeedbackAccuracy">How often sales' good or bad agrees with the score of that time, 50 and above being good.</param>
    /// <param name="AsOf">When the figures were worked out.</param>
    public sealed record Response(
        DateTimeOffset AsOf, DateTimeOffset From, int Decisions, IReadOnlyList<Grade> Grades, QueueComparison? Queue, FirstContact TimeToFirstContactOfA, ShareOf FeedbackAccuracy, RepAgainstModel RepAgainstModel);

    internal static Task<ContentHttpResult> HandleAsync(
        Caller caller, StoredReports reports, CancellationToken cancellationToken,
        [Description("Days to look back, 1 to 3,650; default 365.")] int days = DefaultDays,
        [Description("Share of leads that the team can call, 0.01 to 0.99; default 0.2.")] double capacity = DefaultCapacity,
        [Description("Works the figures out now; else those of large organizations are up to two hours old, as as_of says.")] bool fresh = false)
    {
        Check(days, capacity);
        return reports.GetAsync(caller.OrganizationId, Name, Parameters(days, capacity), fresh, s => MakeAsync(caller.OrganizationId, days, capacity, s, cancellationToken), cancellationToken);
    }

    /// <summary>What a report is asked for; null for the defaults.</summary>
    internal static string? Parameters(int days, double capacity) => days == DefaultDays && capacity == DefaultCapacity ? null : string.Create(CultureInfo.InvariantCulture, $"{days} {capacity:R}");

    internal static async Task<Response> MakeAsync(string organizationId, int days, double capacity, ReportSources sources, CancellationToken cancellationToken)
    {
        var nowMs = sources.Time.NowMs();
        var sinceMs = nowMs - (days * ActivityState.DayMs);
        var named = await FinalAsync(organizationId, sources.Decided, sources.Profiles, sinceMs, nowMs, cancellationToken);
        // Those whose person was taken out count with the rest, by the first of their month.
        var profile = (await sources.Profiles.GetActiveAsync(organizationId, cancellationToken)).Profile;
        var anonymous = (await sources.Anonymous.ReadAsync(organizationId, cancellationToken)).Where(a => a.ScoredMs >= sinceMs && a.ScoredMs <= MatureMs(profile, nowMs)).Select(DecidedLead.Of);
        (DecidedLead Lead, bool Converted)[] final = [.. named.Concat(anonymous.Select(l => (Lead: l, Converted: l.Label(profile, nowMs) == MaturedLabel.Converted))).OrderBy(f => f.Lead.ScoredAtMs)];
        var given = (await sources.Feedback.ReadAsync(organizationId, sinceMs, cancellationToken)).Where(f => f.Probability is not null).ToArray();
        var outcomes = final.ToDictionary(f => f.Lead.LeadId, f => (f.Converted, f.Lead.OccurredAtMs), StringComparer.Ordinal);
        return new Response(
            Moment.Of(nowMs), Moment.Of(sinceMs), final.Length, [.. "ABCD".Select(g => Of(g, final))],
            final.Length == 0 ? null : QueueComparison.Of([.. final.Select(f => f.Lead)], [.. final.Select(f => f.Converted)], capacity),
            await ContactAsync(sources.Database, organizationId, sinceMs, cancellationToken),
            ShareOf.From(given.Count(f => f.Verdict == "good" == f.Probability >= 0.5), given.Length),
            RepAgainstModel.Of(await sources.Overrides.ReadAllAsync(organizationId, cancellationToken), outcomes));
    }

    internal static void Check(int days, double capacity)
    {
        if (days is < 1 or > 3_650) throw ProblemException.Invalid("?days", "days is 1 to 3,650.");
        if (!(capacity is >= 0.01 and <= 0.99)) throw ProblemException.Invalid("?capacity", "capacity is 0.01 to 0.99.");
    }

    /// <summary>Decisions whose outcome is final, the oldest first, and whether they converted within the horizon. Of leads that have not had their whole horizon none counts: their conversions are known before their losses.</summary>
    internal static async Task<IReadOnlyList<(DecidedLead Lead, bool Converted)>> FinalAsync(
        string organizationId, DecidedLeads decided, ProfileStore profiles, long sinceMs, long nowMs, CancellationToken cancellationToken)
    {
        var profile = (await profiles.GetActiveAsync(organizationId, cancellationToken)).Profile;
        var matureMs = MatureMs(profile, nowMs);
        return [.. (await decided.ReadAsync(organizationId, sinceMs, cancellationToken)).Where(l => l.ScoredAtMs <= matureMs).Select(l => (l, l.Label(profile, nowMs) == MaturedLabel.Converted))];
    }

    private static long MatureMs(FeatureProfile profile, long nowMs) => nowMs - (profile.HorizonDays * ActivityState.DayMs);

    private static Grade Of(char grade, IReadOnlyList<(DecidedLead Lead, bool Converted)> final)
    {
        var own = final.Where(f => f.Lead.Grade[0] == grade).ToArray();
        var converted = own.Count(f => f.Converted);
        var revenue = Array.ConvertAll(own, f => f.Converted ? f.Lead.Revenue ?? 0 : 0);
        return new Grade(
            grade.ToString(), own.Length, ShareOf.From(converted, own.Length), grade is 'A' or 'B' ? ShareOf.From(own.Length - converted, own.Length) : null, Math.Round(revenue.Sum(), 2), MeanOf.From(revenue));
    }

    private static async Task<FirstContact> ContactAsync(Database database, string organizationId, long sinceMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            select a.at_ms as AtMs, (select min(t.taken_at_ms) from actions_taken t where t.organization_id = @organizationId and t.lead_id = a.lead_id and t.taken_at_ms >= a.at_ms) as ContactMs
            from (select lead_id, min(scored_at_ms) as at_ms from scores where organization_id = @organizationId and grade = 'A' group by lead_id) as a
            where a.at_ms >= @sinceMs
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = (await connection.QueryAsync<(long AtMs, long? ContactMs)>(new CommandDefinition(Sql, new { organizationId, sinceMs }, cancellationToken: cancellationToken))).AsList();
        return new FirstContact(MedianOf.From(rows.Where(r => r.ContactMs is not null).Select(r => (r.ContactMs!.Value - r.AtMs) / 3_600_000.0)), ShareOf.From(rows.Count(r => r.ContactMs is not null), rows.Count));
    }
}
