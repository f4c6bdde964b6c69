using System.ComponentModel;
using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Monitoring;

internal static class GetPerformance
{
    internal const string Name = "performance";
    private const int MostWindows = 13;

    /// <summary>Decisions of a stretch of time.</summary>
    /// <param name="IsMature">All of these leads have had their whole horizon. Before that conversions are known and losses are not, so measured figures flatter.</param>
    /// <param name="Measured">On the outcomes known so far.</param>
    /// <param name="Expected">Of all leads first scored then, if their probabilities hold: stands in until the window is mature.</param>
    public sealed record Window(DateTimeOffset From, DateTimeOffset To, bool IsMature, PerformanceMeasures Measured, ExpectedMeasures Expected);

    /// <summary>Decisions by the scores of one model, of leads that have had their whole horizon.</summary>
    /// <param name="ModelVersion">Absent for rules.</param>
    /// <param name="IsChampion">Whether it is the champion now.</param>
    public sealed record ByModel(int? ModelVersion, bool IsChampion, PerformanceMeasures Measured);

    /// <summary>Whether outcomes still follow from scores as they did, watched lead by lead.</summary>
    /// <param name="Outcomes">Final outcomes looked at, since the last alarm.</param>
    /// <param name="Evidence">The detector: an alarm when it reaches the bound.</param>
    /// <param name="Bound">False alarms come no more often than once in so many outcomes.</param>
    public sealed record Concept(int Outcomes, double Evidence, double Bound);

    /// <param name="AsOf">When the figures were worked out.</param>
    /// <param name="RocAucInTraining">What the champion reached out-of-fold; absent without a champion.</param>
    /// <param name="Drop">By how much of that the newest mature window with enough outcomes lies below it; negative when above; absent when there is none.</param>
    /// <param name="Windows">The newest first, at most 13. Scores are those at the decision, never later ones; once there is a champion, those that champions gave, not rules nor a challenger on trial. Of a champion that is corrected for effort, only leads with a recorded action count as outcomes.</param>
    /// <param name="Models">The same decisions, and all others of the year, apart by the model that scored them: after a split, champion and challenger side by side. The newest version first.</param>
    /// <param name="Effort">How far outcomes hang on who was worked, seen in the champion's training, and what to do; absent without a champion, or when it is from before that was looked at.</param>
    /// <param name="IsCorrectedForEffort">Whether the champion is.</param>
    public sealed record Response(
        DateTimeOffset AsOf, int? ModelVersion, double? RocAucInTraining, double? Drop, Concept? Concept, IReadOnlyList<GetDrift.Alarm> Alarms, IReadOnlyList<Window> Windows,
        IReadOnlyList<ByModel> Models, EffortCheck? Effort, bool IsCorrectedForEffort);

    internal static Task<ContentHttpResult> HandleAsync(
        Caller caller, StoredReports reports, CancellationToken cancellationToken,
        [Description("Works the figures out now; else those of large organizations are up to two hours old, as as_of says.")] bool fresh = false) =>
        reports.GetAsync(caller.OrganizationId, Name, null, fresh, s => MakeAsync(caller.OrganizationId, s, cancellationToken), cancellationToken);

    internal static async Task<Response> MakeAsync(string organizationId, ReportSources sources, CancellationToken cancellationToken)
    {
        var (decided, check, options) = (sources.Decided, sources.Performance, sources.Options);
        var active = await sources.Models.GetAsync(organizationId, cancellationToken);
        var nowMs = sources.Time.NowMs();
        var trained = TrainedQuality.Of(active);
        var all = await decided.ReadAsync(organizationId, CheckPerformance.SinceMs(active.Profile, nowMs), cancellationToken);
        var leads = trained is null ? all : trained.Of(all, await check.ChampionsAsync(organizationId, cancellationToken));
        var newest = TimeWindow.LastClosed(check.Days, nowMs);
        var sinceMs = newest.StartsAtMs - ((MostWindows - 1L) * check.Days * ActivityState.DayMs);
        var first = await decided.FirstScoresAsync(organizationId, sinceMs, cancellationToken);
        var matureMs = nowMs - (active.Profile.HorizonDays * ActivityState.DayMs);
        var windows = Windows(newest, leads, first, active.Profile, matureMs, nowMs);
        var latest = windows.FirstOrDefault(w => w.IsMature && w.Measured.Outcomes >= options.Value.FewestLeads && w.Measured.RocAuc.Value is not null);
        var watchedMs = await check.WatchedFromAsync(organizationId, cancellationToken);
        DecidedLead[] stream = [.. leads.Where(l => l.ScoredAtMs <= matureMs && l.ScoredAtMs >= watchedMs)];
        return new Response(
            Moment.Of(nowMs), active.Version, trained is null ? null : Math.Round(trained.RocAuc, 4), trained is null or { IsCorrected: true } || latest is null ? null : Math.Round(1 - (latest.Measured.RocAuc.Value!.Value / trained.RocAuc), 4),
            trained is null ? null : ConceptOf(stream, active.Profile, trained, options.Value, nowMs),
            [.. (await sources.Alarms.OpenAsync(organizationId, cancellationToken)).Where(a => a.Kind is "performance" or "concept").Select(GetDrift.Of)], windows,
            Apart(trained is null ? all : [.. trained.Of(all)], active, matureMs, nowMs), active.Bundle?.Manifest.Evaluation?.Effort, trained is { IsCorrected: true });
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

    private static IReadOnlyList<ByModel> Apart(IReadOnlyList<DecidedLead> leads, ActiveModel active, long matureMs, long nowMs) =>
    [
        .. from lead in leads
           where lead.ScoredAtMs <= matureMs
           group lead by lead.ModelVersion into own
           orderby own.Key descending
           let labels = CheckPerformance.Labels([.. own], active.Profile, nowMs)
           where labels.Labels.Length > 0
           select new ByModel(own.Key, own.Key is not null && own.Key == active.Version, PerformanceMeasures.Of(labels.Probabilities, labels.Labels)),
    ];

    private static Concept ConceptOf(DecidedLead[] stream, FeatureProfile profile, TrainedQuality trained, MonitoringOptions options, long nowMs)
    {
        var (watch, _) = CheckPerformance.Watch(stream, profile, trained, new FalseAlarmBudget(options.FalseAlarmsPerQuarter), nowMs);
        return new Concept(watch.Rows, Math.Round(watch.Evidence, 1), Math.Round(watch.Bound));
    }
}
