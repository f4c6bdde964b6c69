using System.Globalization;
using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>Says an alarm of a window in words, what to do about it, and which leads show it.</summary>
internal static class DriftWording
{
    private const int MostLeads = 20;

    internal static DriftAlarm Of(FeatureDefinition? feature, DriftTest test, FeatureCells before, FeatureCells now, IReadOnlyList<(string LeadId, int Cell)> leads, TimeWindow window, int version)
    {
        var name = feature?.Label ?? "The model's probability";
        var change = test.Aspect switch
        {
            DriftAspect.Missing => $"is unknown of {Percent(now.Missing, now.Rows)} of the leads, in training of {Percent(before.Missing, before.Rows)}",
            DriftAspect.Unseen => $"has a value that was not there, or rare, in training for {Percent(now.Counts[^1], now.Known)} of the leads, in training for {Percent(before.Counts[^1], before.Known)}",
            _ when before.Levels is not null => Levels(before, now),
            _ => Numbers(before, now, test.Distance, feature?.Unit ?? ""),
        };
        return new DriftAlarm
        {
            Kind = feature is null ? "prediction" : "feature", Feature = feature?.Name ?? "", Aspect = test.Aspect.ToString().ToLowerInvariant(), Days = window.Days, ModelVersion = version,
            Value = Math.Round(test.Distance, 4), Threshold = test.Least,
            Detail = string.Create(CultureInfo.InvariantCulture, $"{name} {change}. {now.Rows:N0} leads first scored from {window} (UTC) against {before.Rows:N0} in the training of model {version}; by chance alone once in {Math.Max(1, 1 / test.PValue):N0} such tests."),
            Advice = Advice(feature, test.Aspect), LeadIds = Show(test.Aspect, before, now, leads),
        };
    }

    private static string Numbers(FeatureCells before, FeatureCells now, double distance, string unit) => string.Create(
        CultureInfo.InvariantCulture, $"has moved: the middle lead has {Median(now)}{(unit.Length > 0 ? " " + unit : "")}, in training {Median(before)}; {100 * distance:0} in 100 leads are on another side of a value than in training");

    private static string Levels(FeatureCells before, FeatureCells now)
    {
        var at = Enumerable.Range(0, before.Counts.Length).MaxBy(c => Math.Abs(Share(now.Counts[c], now.Known) - Share(before.Counts[c], before.Known)));
        return $"is {(at < before.Levels!.Length ? $"\"{before.Levels[at]}\"" : "something else")} for {Percent(now.Counts[at], now.Known)} of the leads, in training for {Percent(before.Counts[at], before.Known)}";
    }

    private static string Advice(FeatureDefinition? feature, DriftAspect aspect) => (feature, aspect) switch
    {
        (null, _) => "Look at the features' alarms first: they say where it comes from. Without one, see whether another source or campaign sends other leads. Retrain when outcomes of these leads are known.",
        (_, DriftAspect.Missing) => $"Check what fills {feature!.Name}: a form field, an import column or a tracker may have gone or been renamed. Scores of these leads rest on less until it is back.",
        (_, DriftAspect.Unseen) => $"Check how {feature!.Name} is spelled by the source; map new spellings to the old ones. If the value is really new, retrain when outcomes of such leads are known.",
        _ => $"Ask whether a campaign, a source or the tracking of {feature!.Name} changed. If leads really are others now, scores hold and a retraining makes them better; if it is counted otherwise, mend that first.",
    };

    /// <summary>Leads in the cells that have become most frequent against training.</summary>
    private static IReadOnlyList<string> Show(DriftAspect aspect, FeatureCells before, FeatureCells now, IReadOnlyList<(string LeadId, int Cell)> leads)
    {
        double Excess(int cell) => aspect switch
        {
            DriftAspect.Missing => Share(now.Missing, now.Rows) >= Share(before.Missing, before.Rows) == (cell < 0) ? 1 : 0,
            DriftAspect.Unseen => cell == before.Counts.Length - 1 ? 1 : 0,
            _ => cell < 0 ? 0 : Math.Log((now.Counts[cell] + 0.5) / (now.Known + 1.0) / ((before.Counts[cell] + 0.5) / (before.Known + 1.0))),
        };
        return [.. leads.Select(l => (l.LeadId, Excess: Excess(l.Cell))).Where(l => l.Excess > 0).OrderByDescending(l => l.Excess).ThenBy(l => l.LeadId, StringComparer.Ordinal).Take(MostLeads).Select(l => l.LeadId)];
    }

    private static string Median(FeatureCells cells)
    {
        var below = 0;
        for (var c = 0; c < cells.Counts.Length; c++)
        {
            below += cells.Counts[c];
            if (2 * below >= cells.Known && cells.Known > 0) return c < cells.Bounds!.Length ? cells.Bounds[c].ToString("0.###", CultureInfo.InvariantCulture) : "more than any lead in training";
        }

        return "nothing";
    }

    private static double Share(int part, int whole) => whole == 0 ? 0 : part / (double)whole;

    private static string Percent(int part, int whole) => string.Create(CultureInfo.InvariantCulture, $"{100 * Share(part, whole):0} %");
}
