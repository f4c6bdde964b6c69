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
/// Looks at the windows that have ended since the last time: features of leads at their first score against the champion's training, and probabilities against those of leads that the model had not seen.
/// However often it runs, each window is tested once, so that the number of false alarms does not hang on how often one looks.
/// </summary>
internal sealed class CheckDrift(
    ActiveModels models, ModelStore modelStore, FirstScores firstScores, MonitoringStore store, DriftAlarmStore alarms, Database database, IOptions<MonitoringOptions> options, TimeProvider time) : IOrganizationJob
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
        var (report, found) = leads.Count < options.Value.FewestLeads ? (null, [])
            : Compare(active, bundle, window, leads, await ScoredByOneAsync(organizationId, active, leads, cancellationToken), new FalseAlarmBudget(options.Value.FalseAlarmsPerQuarter));
        var row = new WatchedWindow { Days = window.Days, StartsAtMs = window.StartsAtMs, ModelVersion = active.Version, Leads = leads.Count, CheckedAtMs = time.NowMs(), Report = report?.Write() };
        return await database.WriteAsync(async transaction =>
        {
            if (!await MonitoringStore.AddAsync(transaction, organizationId, MonitoringStore.Drift, row, cancellationToken)) return (int?)0;
            return report is null ? null : await alarms.SetAsync(transaction, organizationId, Kinds, window.Days, found, time.NowMs(), cancellationToken);
        }, cancellationToken);
    }

    /// <summary>Leads of a window that one model scored first, and that model.</summary>
    private sealed record ScoredFirst(ModelBundle Bundle, int Version, IReadOnlyList<FirstScored> Leads);

    /// <summary>
    /// Those of the model that scored most of them first; null when that were rules, or it has no reference of these features. By then none of them had an outcome to learn from. The champion of now may have learned
    /// from half of them since, and what a model says of leads that it remembers is further from the middle than what it says of others.
    /// </summary>
    private async Task<ScoredFirst?> ScoredByOneAsync(string organizationId, ActiveModel active, IReadOnlyList<FirstScored> leads, CancellationToken cancellationToken)
    {
        var most = leads.GroupBy(l => l.ModelVersion).OrderByDescending(g => g.Count()).ThenByDescending(g => g.Key).First();
        if (most.Key is not { } version || most.Count() < options.Value.FewestLeads) return null;
        var bundle = version == active.Version ? active.Bundle! : await ReadAsync(organizationId, version, cancellationToken);
        return bundle?.PredictionReference is null || bundle.Model.Profile.FeaturesHash != active.Bundle!.Model.Profile.FeaturesHash ? null : new ScoredFirst(bundle, version, [.. most]);
    }

    private async Task<ModelBundle?> ReadAsync(string organizationId, int version, CancellationToken cancellationToken)
    {
        try
        {
            return ModelBundle.Read(await modelStore.GetBundleAsync(organizationId, version, cancellationToken));
        }
        catch (BundleException)
        {
            return null;
        }
    }

    private static (DriftReport Report, IReadOnlyList<DriftAlarm> Found) Compare(ActiveModel active, ModelBundle bundle, TimeWindow window, IReadOnlyList<FirstScored> leads, ScoredFirst? scored, FalseAlarmBudget budget)
    {
        var features = bundle.Model.Profile.Features;
        FeatureCells[] before = [.. bundle.Reference.Select(r => r.Cells!)];
        FeatureCells[] now = [.. before.Select((b, f) => b.Levels is null ? b.Recount([.. leads.Select(l => l.Values[f].Number)]) : b.Recount([.. leads.Select(l => l.Values[f].Level)]))];
        double[] probabilities = [];
        (FeatureCells Reference, FeatureCells Sample)? predictions = null;
        if (scored is { Bundle.PredictionReference: { } reference })
        {
            var plain = scored.Bundle.Model.WithAnchor(Anchor.Identity);
            probabilities = [.. scored.Leads.Select(l => plain.Score(l.Values).Probability)];
            predictions = (reference, reference.Recount(probabilities));
        }

        var check = WindowCheck.Of(before, now, predictions, budget, window.Days);
        var found = new List<DriftAlarm>();
        for (var f = 0; f < before.Length; f++)
        {
            var at = f;
            foreach (var test in check.ByFeature[f].Tests.Where(t => t.IsAlarm))
                found.Add(DriftWording.Of(features[f], test, before[f], now[f], [.. leads.Select(l => (l.LeadId, before[at].Levels is null ? before[at].CellOf(l.Values[at].Number) : before[at].CellOf(l.Values[at].Level)))], window, active.Version!.Value));
        }

        if (predictions is { } pair && check.Prediction!.Tests.FirstOrDefault(t => t.IsAlarm) is { } drifted)
            found.Add(DriftWording.Of(null, drifted, pair.Reference, pair.Sample, [.. scored!.Leads.Select((l, i) => (l.LeadId, pair.Reference.CellOf(probabilities[i])))], window, scored.Version));
        return (DriftReport.Of([.. features.Select(f => f.Name)], check), found);
    }
}
