using System.Globalization;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Sidecar.Training;

/// <summary>How well a model ranks outcomes that matured after its training.</summary>
/// <param name="Rows">Such outcomes.</param>
/// <param name="Auc">Area under the ROC curve; NaN with too few.</param>
/// <param name="Interval">Its 95 % interval.</param>
/// <param name="Trained">What it was when the model was trained; NaN when nobody measured it.</param>
internal sealed record RecentRanking(int Rows, double Auc, Interval Interval, double Trained)
{
    private const int FewestRows = 100;
    private const int FewestPerClass = 20;

    internal static RecentRanking Of(double[] probabilities, float[] labels, double trained, float[]? weights = null)
    {
        weights ??= [];
        var positives = labels.Count(y => y == 1);
        if (labels.Length < FewestRows || positives < FewestPerClass || labels.Length - positives < FewestPerClass) return new RecentRanking(labels.Length, double.NaN, Interval.Undefined, trained);
        var auc = RankingQuality.RocAuc(probabilities, labels, weights);
        // As many leads of each class as carry the same information.
        var share = weights.Length == 0 ? 1 : EffortWeights.EffectiveRows(weights) / weights.Length;
        return new RecentRanking(labels.Length, auc, AucInterval.Of(auc, (int)Math.Round(positives * share), (int)Math.Round((labels.Length - positives) * share)), trained);
    }

    /// <summary>Lower by more than the share, and beyond chance.</summary>
    internal bool HasDropped(double share) => Auc < Trained * (1 - share) && Interval.High < Trained;

    internal string Words => double.IsNaN(Auc)
        ? $"Too few to measure the ranking: it takes {FewestRows}, {FewestPerClass} of each kind."
        : string.Create(CultureInfo.InvariantCulture, $"AUC {Auc:0.000} ({Interval.Low:0.000} to {Interval.High:0.000}) on them, {Trained:0.000} at the training.");
}
