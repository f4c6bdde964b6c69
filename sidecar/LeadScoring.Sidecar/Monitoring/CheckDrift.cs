using System.Globalization;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Drift;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>
/// Looks at the windows that have ended since the last time: features and probabilities of leads at their first score against the champion's training. However often it runs,
/// each window is tested once, so that the number of false alarms does not hang on how often one looks.
/// </summary>
internal sealed class CheckDrift(
    ActiveModels models, FirstScores firstScores, MonitoringStore store, DriftAlarmStore alarms, Database database, IOptions<MonitoringOptions> options, TimeProvider time) : IOrganizationJob
{
    private static readonly string[] Kinds = ["feature", "prediction"];

    /// <returns>What was found, in words.</returns>
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        var active = await models.GetAsync(organizationId, cancellationToken);
        if (active.Bundle is not { } bundle) return $"Nothing to compare with: {active.WhyRules}.";
        if (bundle.Reference.Any(r => r.Cells is null)) return $"Nothing to compare with: model {active.Version} was trained before references were kept. Train again.";
        int windows = 0, thin = 0, added = 0;
        foreach (var days in (int[])[options.Value.WindowDays, WindowCheck.LongWindow * options.Value.WindowDays])
        {
            foreach (var window in await store.DueAsync(organizationId, MonitoringStore.Drift, days, time.NowMs(), cancellationToken))
            {
                var result = await CheckAsync(organizationId, active, bundle, window, cancellationToken);
                windows++;
                added += result ?? 0;
                if (result is null) thin++;
            }
        }

        return windows == 0 ? "No window has ended since the last check."
            : string.Create(CultureInfo.InvariantCulture, $"{windows} windows looked at, {thin} of them with fewer than {options.Value.FewestLeads} leads; {added} new alarms.");
    }

    /// <returns>New alarms; null when there were too few leads.</returns>
    private async Task<int?> CheckAsync(string organizationId, ActiveModel active, ModelBundle bundle, TimeWindow window, CancellationToken cancellationToken)
    {
        var leads = await firstScores.SampleAsync(organizationId, window, active.Extractor, options.Value.MostLeads, cancellationToken);
        var (report, found) = leads.Count < options.Value.FewestLeads ? (null, []) : Compare(active, bundle, window, leads, new FalseAlarmBudget(options.Value.FalseAlarmsPerQuarter));
        var row = new WatchedWindow { Days = window.Days, StartsAtMs = window.StartsAtMs, ModelVersion = active.Version, Leads = leads.Count, CheckedAtMs = time.NowMs(), Report = report?.Write() };
        return await database.WriteAsync(async transaction =>
        {
            if (!await MonitoringStore.AddAsync(transaction, organizationId, MonitoringStore.Drift, row, cancellationToken)) return (int?)0;
            return report is null ? null : await alarms.SetAsync(transaction, organizationId, Kinds, window.Days, found, time.NowMs(), cancellationToken);
        }, cancellationToken);
    }

    private static (DriftReport Report, IReadOnlyList<DriftAlarm> Found) Compare(ActiveModel active, ModelBundle bundle, TimeWindow window, IReadOnlyList<FirstScored> leads, FalseAlarmBudget budget)
    {
        var features = bundle.Model.Profile.Features;
        FeatureCells[] before = [.. bundle.Reference.Select(r => r.Cells!)];
        FeatureCells[] now = [.. before.Select((b, f) => b.Levels is null ? b.Recount([.. leads.Select(l => l.Values[f].Number)]) : b.Recount([.. leads.Select(l => l.Values[f].Level)]))];
        var plain = bundle.Model.WithAnchor(Anchor.Identity);
        double[] probabilities = [.. leads.Select(l => plain.Score(l.Values).Probability)];
        var predictions = bundle.PredictionReference is { } p ? (p, p.Recount(probabilities)) : ((FeatureCells, FeatureCells)?)null;
        var check = WindowCheck.Of(before, now, predictions, budget, window.Days);
        var found = new List<DriftAlarm>();
        for (var f = 0; f < before.Length; f++)
        {
            var at = f;
            foreach (var test in check.ByFeature[f].Tests.Where(t => t.IsAlarm))
                found.Add(DriftWording.Of(features[f], test, before[f], now[f], [.. leads.Select(l => (l.LeadId, before[at].Levels is null ? before[at].CellOf(l.Values[at].Number) : before[at].CellOf(l.Values[at].Level)))], window, active.Version!.Value));
        }

        if (predictions is { } pair && check.Prediction!.Tests.FirstOrDefault(t => t.IsAlarm) is { } drifted)
            found.Add(DriftWording.Of(null, drifted, pair.Item1, pair.Item2, [.. leads.Select((l, i) => (l.LeadId, pair.Item1.CellOf(probabilities[i])))], window, active.Version!.Value));
        return (DriftReport.Of([.. features.Select(f => f.Name)], check), found);
    }
}
