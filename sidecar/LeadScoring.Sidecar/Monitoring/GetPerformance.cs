using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Monitoring;

internal static class GetPerformance
{
    private const int MostWindows = 13;

    /// <summary>Decisions of a stretch of time.</summary>
    /// <param name="IsMature">All of these leads have had their whole horizon. Before that conversions are known and losses are not, so measured figures flatter.</param>
    /// <param name="Measured">On the outcomes known so far.</param>
    /// <param name="Expected">Of all leads first scored then, if their probabilities hold: stands in until the window is mature.</param>
    public sealed record Window(DateTimeOffset From, DateTimeOffset To, bool IsMature, PerformanceMeasures Measured, ExpectedMeasures Expected);

    /// <summary>Whether outcomes still follow from scores as they did, watched lead by lead.</summary>
    /// <param name="Outcomes">Final outcomes looked at, since the last alarm.</param>
    /// <param name="Evidence">The detector: an alarm when it reaches the bound.</param>
    /// <param name="Bound">False alarms come no more often than once in so many outcomes.</param>
    public sealed record Concept(int Outcomes, double Evidence, double Bound);

    /// <param name="RocAucInTraining">What the champion reached out-of-fold; absent without a champion.</param>
    /// <param name="Drop">By how much of that the newest mature window with enough outcomes lies below it; negative when above; absent when there is none.</param>
    /// <param name="Windows">The newest first, at most 13. Scores are those at the decision, never later ones.</param>
    public sealed record Response(int? ModelVersion, double? RocAucInTraining, double? Drop, Concept? Concept, IReadOnlyList<GetDrift.Alarm> Alarms, IReadOnlyList<Window> Windows);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, ActiveModels models, DecidedLeads decided, DriftAlarmStore alarms, CheckPerformance check, IOptions<MonitoringOptions> options, TimeProvider time, CancellationToken cancellationToken)
    {
        var active = await models.GetAsync(caller.OrganizationId, cancellationToken);
        var nowMs = time.NowMs();
        var leads = await decided.ReadAsync(caller.OrganizationId, CheckPerformance.SinceMs(active.Profile, nowMs), cancellationToken);
        var newest = TimeWindow.LastClosed(check.Days, nowMs);
        var sinceMs = newest.StartsAtMs - ((MostWindows - 1L) * check.Days * ActivityState.DayMs);
        var first = await decided.FirstScoresAsync(caller.OrganizationId, sinceMs, cancellationToken);
        var matureMs = nowMs - (active.Profile.HorizonDays * ActivityState.DayMs);
        var windows = Windows(newest, leads, first, active.Profile, matureMs, nowMs);
        var trained = TrainedQuality.Of(active);
        var latest = windows.FirstOrDefault(w => w.IsMature && w.Measured.Outcomes >= options.Value.FewestLeads && w.Measured.RocAuc.Value is not null);
        var watchedMs = await check.WatchedFromAsync(caller.OrganizationId, cancellationToken);
        DecidedLead[] stream = [.. leads.Where(l => l.ScoredAtMs <= matureMs && l.ScoredAtMs >= watchedMs)];
        return TypedResults.Ok(new Response(
            active.Version, trained is null ? null : Math.Round(trained.RocAuc, 4), trained is null || latest is null ? null : Math.Round(1 - (latest.Measured.RocAuc.Value!.Value / trained.RocAuc), 4),
            trained is null ? null : ConceptOf(stream, active.Profile, trained, options.Value, nowMs),
            [.. (await alarms.OpenAsync(caller.OrganizationId, cancellationToken)).Where(a => a.Kind is "performance" or "concept").Select(GetDrift.Of)], windows));
    }

    private static List<Window> Windows(TimeWindow newest, IReadOnlyList<DecidedLead> leads, IReadOnlyList<(long ScoredAtMs, double Probability)> first, FeatureProfile profile, long matureMs, long nowMs)
    {
        var windows = new List<Window>();
        var length = newest.EndsAtMs - newest.StartsAtMs;
        for (var i = 0; i < MostWindows; i++)
        {
            var w = newest with { StartsAtMs = newest.StartsAtMs - (i * length) };
            bool Holds(long ms) => ms >= w.StartsAtMs && ms < w.EndsAtMs;
            var (p, y) = CheckPerformance.Labels([.. leads.Where(l => Holds(l.ScoredAtMs))], profile, nowMs);
            double[] all = [.. first.Where(f => Holds(f.ScoredAtMs)).Select(f => f.Probability)];
            if (y.Length + all.Length > 0) windows.Add(new Window(Moment.Of(w.StartsAtMs), Moment.Of(w.EndsAtMs), w.EndsAtMs <= matureMs, PerformanceMeasures.Of(p, y), ExpectedMeasures.Of(all)));
        }

        return windows;
    }

    private static Concept ConceptOf(DecidedLead[] stream, FeatureProfile profile, TrainedQuality trained, MonitoringOptions options, long nowMs)
    {
        var (watch, _) = CheckPerformance.Watch(stream, profile, trained, new FalseAlarmBudget(options.FalseAlarmsPerQuarter), nowMs);
        return new Concept(watch.Rows, Math.Round(watch.Evidence, 1), Math.Round(watch.Bound));
    }
}
