using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>A feature that alone says suspiciously much of the outcome.</summary>
/// <param name="Feature">Its name.</param>
/// <param name="Auc">Area under the ROC curve of the feature alone, at least 0.5.</param>
/// <param name="MissingnessAuc">The same of whether it is filled.</param>
/// <param name="LeftOut">Whether the training went on without it.</param>
public sealed record LeakFinding(string Feature, double Auc, double MissingnessAuc, bool LeftOut)
{
    /// <summary>The finding for people.</summary>
    public string Message
    {
        get
        {
            var much = Math.Max(Auc, MissingnessAuc) >= LeakLinter.LeaveOut ? "nearly decides the outcome" : "says much of the outcome";
            return MissingnessAuc >= Auc
                ? $"Whether '{Feature}' is filled {much} (AUC {Number(MissingnessAuc)} by itself): is it filled only afterwards?"
                : $"'{Feature}' alone {much} (AUC {Number(Auc)}): is it known before the outcome?";
        }
    }

    private static string Number(double auc) => auc.ToString("0.000", CultureInfo.InvariantCulture);
}

/// <summary>Finds features that give the outcome away.</summary>
public static class LeakLinter
{
    /// <summary>From this AUC on a feature is left out: no honest single fact about a lead is that good.</summary>
    public const double LeaveOut = 0.99;

    /// <summary>From this AUC on a feature is reported.</summary>
    public const double Report = 0.9;

    private const int MaxRows = 20_000;

    /// <summary>Looks at each feature alone: numbers by rank, levels by their out-of-fold rate, all by being filled.</summary>
    /// <param name="set">The table.</param>
    /// <param name="rows">Training rows; at most 20,000 of them are looked at.</param>
    /// <param name="settings">Seed, encoding and whether leaks are allowed.</param>
    public static IReadOnlyList<LeakFinding> Find(TrainingSet set, int[] rows, TrainingSettings settings)
    {
        if (rows.Length > MaxRows)
        {
            var sample = (int[])rows.Clone();
            new Random(settings.Seed).Shuffle(sample);
            rows = sample[..MaxRows];
        }

        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        // In a handful of leads chance alone separates the classes.
        var positives = labels.Count(y => y == 1);
        if (Math.Min(positives, labels.Length - positives) < EnsembleTrainer.FewestPerClass) return [];
        var findings = new List<LeakFinding>();
        for (var f = 0; f < set.Profile.Features.Count; f++)
        {
            var column = Array.ConvertAll(rows, r => set.Row(r)[f]);
            var auc = Single(set.Profile.Features[f], column, labels, settings);
            var filled = Folded(RankingQuality.RocAuc(Array.ConvertAll(column, v => v.IsMissing ? 0.0 : 1), labels));
            if (Math.Max(auc, filled) < Report) continue;
            findings.Add(new LeakFinding(set.Profile.Features[f].Name, auc, filled, !settings.AllowLeaks && Math.Max(auc, filled) >= LeaveOut));
        }

        // Nothing left would be worse than a model that is too good to be true and says so.
        var leavesNone = findings.Count(l => l.LeftOut) == set.Profile.Features.Count;
        return leavesNone ? [.. findings.Select(l => l with { LeftOut = false })] : findings;
    }

    /// <summary>The set without the features that were left out.</summary>
    internal static TrainingSet Without(TrainingSet set, IReadOnlyList<LeakFinding> findings)
    {
        var dropped = findings.Where(l => l.LeftOut).Select(l => l.Feature).ToHashSet(StringComparer.Ordinal);
        return dropped.Count == 0 ? set : set.WithFeatures(set.Profile.Without(dropped));
    }

    private static double Single(FeatureDefinition feature, FeatureValue[] column, float[] labels, TrainingSettings settings)
    {
        if (feature.Kind == FeatureKind.Categorical)
        {
            var encoded = TargetStatistics.OutOfFold(Array.ConvertAll(column, v => v.Level), labels, settings.Encoding, settings.Seed);
            // Not folded: the encoding already points towards conversion. Below 0.5 it tells only that a row's own fold is left out of it.
            var encodedAuc = RankingQuality.RocAuc(Array.ConvertAll(encoded, e => (double)e.LogOdds), labels);
            return double.IsNaN(encodedAuc) ? 0.5 : Math.Max(0.5, encodedAuc);
        }

        var known = column.Where(v => !v.IsMissing).Select(v => v.Number).ToArray();
        if (known.Length == 0) return 0.5;
        Array.Sort(known);
        var median = known[known.Length / 2];
        return Folded(RankingQuality.RocAuc(Array.ConvertAll(column, v => v.IsMissing ? median : v.Number), labels));
    }

    private static double Folded(double auc) => double.IsNaN(auc) ? 0.5 : Math.Max(auc, 1 - auc);
}
