using System.Globalization;
using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using MathNet.Numerics.Distributions;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>What the champion was worth when it was trained.</summary>
internal sealed record TrainedQuality(double RocAuc, double ConversionRate)
{
    /// <summary>Out-of-fold; null when the bundle does not say.</summary>
    internal static TrainedQuality? Of(ActiveModel active) =>
        active.Bundle?.Manifest.OutOfFold?.Ensemble is { Rows: > 0 } e && double.IsFinite(e.RocAuc) && e.Positives > 0 && e.Positives < e.Rows ? new TrainedQuality(e.RocAuc, e.BaseRate) { IsCorrected = active.Bundle.Manifest.Evaluation?.IsCorrectedForEffort == true } : null;

    /// <summary>Whether it learned from leads that were worked: then its probabilities are of those, and others contradict nothing.</summary>
    internal bool IsCorrected { get; init; }

    /// <summary>Decisions that its probabilities are of.</summary>
    internal IEnumerable<DecidedLead> Of(IEnumerable<DecidedLead> leads) => IsCorrected ? leads.Where(l => l.FirstContactMs is not null) : leads;

    /// <summary>Of them those by the score of a champion, this one or one before. What rules said, or a challenger on trial, is not what training promised.</summary>
    internal DecidedLead[] Of(IEnumerable<DecidedLead> leads, IReadOnlySet<int> champions) => [.. Of(leads).Where(l => l.ModelVersion is { } version && champions.Contains(version))];
}

/// <summary>
/// Holds scores of decisions against outcomes that have had their whole horizon: window by window for ranking and calibration, each tested once, and lead by lead for a change of how
/// outcomes follow from scores.
/// </summary>
internal sealed class CheckPerformance(
    ActiveModels models, ModelStore modelStore, DecidedLeads decided, MonitoringStore store, DriftAlarmStore alarms, Database database, IOptions<MonitoringOptions> options, TimeProvider time) : IOrganizationJob
{
    /// <summary>A drop of the area under the ROC curve that matters, as a share of it.</summary>
    internal const double LeastDrop = 0.05;

    /// <summary>A difference of conversion rate and probability that matters.</summary>
    internal const double LeastGap = 0.05;

    // A year of windows; older decisions say nothing of now. Leaving out the oldest makes the detector slower to alarm, never quicker.
    private const int LookBackDays = 364;

    private const int FewestOfAClass = 10;
    private const int Tests = 2;
    private static readonly string[] Kinds = ["performance"];

    /// <returns>What was found, in words.</returns>
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        var active = await models.GetAsync(organizationId, cancellationToken);
        if (TrainedQuality.Of(active) is not { } trained) return $"Nothing to compare with: {active.WhyRules ?? $"model {active.Version} does not say how good it was in training"}.";
        var matureMs = time.NowMs() - (active.Profile.HorizonDays * ActivityState.DayMs);
        var windows = await store.DueAsync(organizationId, MonitoringStore.Performance, Days, matureMs, cancellationToken);
        var champions = await modelStore.ChampionsAsync(organizationId, cancellationToken);
        var leads = trained.Of((await decided.ReadAsync(organizationId, SinceMs(active.Profile, time.NowMs()), cancellationToken)).Where(l => l.ScoredAtMs <= matureMs), champions);
        var added = 0;
        foreach (var window in windows) added += await CheckWindowAsync(organizationId, active, trained, window, leads, cancellationToken);
        var fromMs = await WatchedFromAsync(organizationId, cancellationToken);
        var stream = leads.Where(l => l.ScoredAtMs >= fromMs).ToArray();
        added += await CheckConceptAsync(organizationId, active, trained, stream, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{leads.Length:N0} decisions with a final outcome; {windows.Count} windows looked at; {added} new alarms.");
    }

    /// <summary>Days of a window: outcomes are fewer than leads.</summary>
    internal int Days => WindowCheck.LongWindow * options.Value.WindowDays;

    /// <summary>Decisions from this moment on are looked at.</summary>
    internal static long SinceMs(FeatureProfile profile, long nowMs) => nowMs - ((LookBackDays + profile.HorizonDays) * ActivityState.DayMs);

    private FalseAlarmBudget Budget => new(options.Value.FalseAlarmsPerQuarter);

    private async Task<int> CheckWindowAsync(string organizationId, ActiveModel active, TrainedQuality trained, TimeWindow window, DecidedLead[] leads, CancellationToken cancellationToken)
    {
        var own = leads.Where(l => l.ScoredAtMs >= window.StartsAtMs && l.ScoredAtMs < window.EndsAtMs).ToArray();
        var (p, y) = Labels(own, active.Profile, time.NowMs());
        var converted = y.Count(v => v == 1);
        var isTested = y.Length >= options.Value.FewestLeads && Math.Min(converted, y.Length - converted) >= FewestOfAClass;
        var found = isTested ? Compare(active, trained, window, own, p, y) : [];
        var row = new WatchedWindow { Days = window.Days, StartsAtMs = window.StartsAtMs, ModelVersion = active.Version, Leads = y.Length, CheckedAtMs = time.NowMs(), Report = isTested ? "{}" : null };
        return await database.WriteAsync(async transaction =>
        {
            if (!await MonitoringStore.AddAsync(transaction, organizationId, MonitoringStore.Performance, row, cancellationToken) || !isTested) return 0;
            return await alarms.SetAsync(transaction, organizationId, Kinds, window.Days, found, time.NowMs(), cancellationToken);
        }, cancellationToken);
    }

    private List<DriftAlarm> Compare(ActiveModel active, TrainedQuality trained, TimeWindow window, DecidedLead[] own, double[] p, float[] y)
    {
        var level = Budget.Level(WatchedKind.Performance, window.Days, Tests, 1);
        var found = new List<DriftAlarm>();
        var auc = AucError.Of(p, y);
        // Those who were worked were chosen by the score, so among them it ranks less well than among all; the daily job weighs them.
        if (!trained.IsCorrected && Normal.CDF(0, 1, (auc.Auc - trained.RocAuc) / auc.StandardError) <= level && auc.Auc < (1 - LeastDrop) * trained.RocAuc)
        {
            found.Add(Alarm(active, window, "ranking", auc.Auc, (1 - LeastDrop) * trained.RocAuc, Worst(own), FormattableString.Invariant(
                $"Scores of {y.Length:N0} decisions from {window} (UTC) ranked their outcomes with an AUC of {auc.Auc:0.000}, in training {trained.RocAuc:0.000}."),
                "Look at drift of features first: broken tracking ranks badly. Else retrain; the last outcomes hold what has changed."));
        }

        double gap = y.Average() - p.Average(), error = Math.Sqrt(p.Sum(v => v * (1 - v))) / p.Length;
        if (2 * Normal.CDF(0, 1, -Math.Abs(gap) / error) <= level && Math.Abs(gap) >= LeastGap)
        {
            found.Add(Alarm(active, window, "calibration", gap, LeastGap, Worst(own), FormattableString.Invariant(
                $"Of {y.Length:N0} decisions from {window} (UTC) {100 * y.Average():0.0} % converted; their scores said {100 * p.Average():0.0} %."),
                $"Move the probabilities to the present rate with POST /v1/models/{active.Version}/anchor, or retrain."));
        }

        return found;
    }

    private async Task<int> CheckConceptAsync(string organizationId, ActiveModel active, TrainedQuality trained, DecidedLead[] stream, CancellationToken cancellationToken)
    {
        var (watch, at) = Watch(stream, active.Profile, trained, Budget, time.NowMs());
        var version = active.Version!.Value;
        return await database.WriteAsync(async transaction =>
        {
            await DriftAlarmStore.CloseOfOtherModelsAsync(transaction, organizationId, "concept", version, time.NowMs(), cancellationToken);
            if (at < 0) return 0;
            var row = new WatchedWindow { StartsAtMs = stream[at].ScoredAtMs, ModelVersion = version, Leads = watch.Rows, CheckedAtMs = time.NowMs() };
            if (!await MonitoringStore.AddAsync(transaction, organizationId, MonitoringStore.Concept, row, cancellationToken)) return 0;
            return await alarms.SetAsync(transaction, organizationId, ["concept"], 0, [ConceptAlarm(watch, stream[..(at + 1)], version)], time.NowMs(), cancellationToken);
        }, cancellationToken);
    }

    internal Task<IReadOnlySet<int>> ChampionsAsync(string organizationId, CancellationToken cancellationToken) => modelStore.ChampionsAsync(organizationId, cancellationToken);

    /// <summary>
    /// From which decisions on the detector watches. What an alarm was about is known: next come the decisions of the next champion. Those of before would give the same alarm again for as long
    /// as their outcomes come in.
    /// </summary>
    internal async Task<long> WatchedFromAsync(string organizationId, CancellationToken cancellationToken) =>
        await store.LatestAsync(organizationId, MonitoringStore.Concept, 0, cancellationToken) is not { } alarm ? long.MinValue
        : await modelStore.PromotedAfterAsync(organizationId, alarm.CheckedAtMs, cancellationToken) ?? long.MaxValue;

    /// <summary>The detector after these leads, and the one at which it gave an alarm; -1 when it gave none.</summary>
    internal static (LossChange Watch, int AlarmAt) Watch(IReadOnlyList<DecidedLead> stream, FeatureProfile profile, TrainedQuality trained, FalseAlarmBudget budget, long nowMs)
    {
        var days = stream.Count == 0 ? 1 : Math.Max(1, (stream[^1].ScoredAtMs - stream[0].ScoredAtMs) / (double)ActivityState.DayMs);
        var watch = new LossChange(trained.ConversionRate, budget.RowsBetweenAlarms(WatchedKind.Concept, Math.Max(1, stream.Count / days)));
        for (var i = 0; i < stream.Count; i++)
        {
            watch.Add(stream[i].Probability, stream[i].Label(profile, nowMs) == MaturedLabel.Converted);
            if (watch.IsAlarm) return (watch, i);
        }

        return (watch, -1);
    }

    private static DriftAlarm ConceptAlarm(LossChange watch, DecidedLead[] until, int version)
    {
        var what = watch.Kind switch
        {
            LossChangeKind.WeakerRanking => "scores tell less than they did: high ones convert less and low ones more",
            LossChangeKind.MoreConversions => "more leads convert than their scores say",
            _ => "fewer leads convert than their scores say",
        };
        var from = until[Math.Min(watch.Since, until.Length - 1)];
        return new DriftAlarm
        {
            Kind = "concept", Aspect = ScoreName(watch.Kind), Value = Math.Round(watch.Evidence), Threshold = Math.Round(watch.Bound), ModelVersion = version,
            Detail = FormattableString.Invariant($"Outcomes follow another rule than the scores: {what}, for leads decided from about {Moment.Of(from.ScoredAtMs):yyyy-MM-dd} on ({until.Length - Math.Min(watch.Since, until.Length - 1):N0} outcomes)."),
            Advice = watch.Kind == LossChangeKind.WeakerRanking ? "Retrain: the model has to learn the new rule from outcomes since then." : $"Move the probabilities with POST /v1/models/{version}/anchor; retrain if it does not help.",
            LeadIds = Worst(until[Math.Min(watch.Since, until.Length - 1)..]),
        };
    }

    private static string ScoreName(LossChangeKind kind) => kind switch { LossChangeKind.WeakerRanking => "weaker_ranking", LossChangeKind.MoreConversions => "more_conversions", _ => "fewer_conversions" };

    private static DriftAlarm Alarm(ActiveModel active, TimeWindow window, string aspect, double value, double threshold, IReadOnlyList<string> leads, string detail, string advice) => new()
    {
        Kind = "performance", Aspect = aspect, Days = window.Days, Value = Math.Round(value, 4), Threshold = Math.Round(threshold, 4), ModelVersion = active.Version, Detail = detail, Advice = advice, LeadIds = leads,
    };

    /// <summary>The leads that the scores were most wrong about.</summary>
    private static IReadOnlyList<string> Worst(DecidedLead[] leads) =>
        [.. leads.OrderByDescending(l => Math.Abs(l.Probability - (l.Converted ? 1 : 0))).ThenBy(l => l.LeadId, StringComparer.Ordinal).Take(20).Select(l => l.LeadId)];

    internal static (double[] Probabilities, float[] Labels) Labels(IReadOnlyList<DecidedLead> leads, FeatureProfile profile, long nowMs)
    {
        var final = leads.Select(l => (l.Probability, Label: l.Label(profile, nowMs))).Where(l => l.Label != MaturedLabel.Waiting).ToArray();
        return (Array.ConvertAll(final, l => l.Probability), Array.ConvertAll(final, l => l.Label == MaturedLabel.Converted ? 1f : 0f));
    }
}
