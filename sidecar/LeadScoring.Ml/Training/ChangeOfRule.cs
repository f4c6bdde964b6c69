using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Whether outcomes have come to follow another rule, so that older rows teach what no longer holds.</summary>
/// <remarks>
/// <para>
/// A model that is trained on rows from before and after such a change answers with a mixture of both, and is mostly wrong about the leads to come while the older ones are more. The change is found by
/// Page's test (see <see cref="LossChange"/>) on out-of-fold probabilities in the order of time, and believed only if a model that was trained on the rows since then alone loses less on the same rows, out-of-fold.
/// </para>
/// <para>Only a weaker ranking counts: a base rate that moved is met by an anchor, which needs no rows to be given up.</para>
/// </remarks>
internal static class ChangeOfRule
{
    /// <summary>Fewest rows since a change, and of each class, that a model is trained on alone.</summary>
    internal const int FewestRows = 150;

    internal const int FewestPerClass = 30;

    // A training sees a change where there is none once in so many.
    private const double TrainingsBetweenFalseOnes = 100;

    // One-sided, 95 %.
    private const double Sure = 1.645;

    /// <summary>The moment from which on the rule seems to be another, and still is; null when there is none, or too few rows since then.</summary>
    /// <param name="set">The table.</param>
    /// <param name="result">A training on it.</param>
    /// <param name="facts">Which rows are mature, and where the champion's training found a change: with time the new rows become so many that it shows no more in the mixture.</param>
    internal static long? Since(TrainingSet set, TrainingResult result, RowFacts facts)
    {
        if (set.AsOfMs is not { } asOf) return null;
        if (facts.RuleSinceMs is { } before && Enough(set, result.TrainRows, before, facts)) return before;
        int[] order = [.. Enumerable.Range(0, result.CalibrationRows.Length).Where(i => Counts(set, result.CalibrationRows[i]) && IsMature(asOf[result.CalibrationRows[i]], facts)).OrderBy(i => asOf[result.CalibrationRows[i]]).ThenBy(i => result.CalibrationRows[i])];
        var (evidence, since) = (0.0, 0L);
        var usual = result.CalibrationRows.Average(r => (double)set.Labels[r]);
        foreach (var i in order)
        {
            if (evidence <= 0) (evidence, since) = (0, asOf[result.CalibrationRows[i]]);
            evidence += LossChange.WeakerRanking(result.OutOfFoldProbabilities[i], set.Labels[result.CalibrationRows[i]] == 1, usual);
        }

        // Page's test stays below log(n / a) all along n rows with probability 1 - a.
        return evidence >= Math.Log(TrainingsBetweenFalseOnes * order.Length) && Enough(set, result.TrainRows, since, facts) ? since : null;
    }

    /// <summary>Those of some rows that a training since a change goes by: of young leads conversions are known first, and among few leads they would be too many.</summary>
    internal static int[] Later(TrainingSet set, int[] rows, long since, RowFacts facts) => [.. rows.Where(r => set.AsOfMs![r] >= since && Counts(set, r) && IsMature(set.AsOfMs[r], facts))];

    /// <summary>Whether the later training loses less than the whole one on the rows that both have a say on without having seen them, beyond chance.</summary>
    internal static bool IsBetter(TrainingSet set, TrainingResult later, TrainingResult whole)
    {
        var before = Unseen(whole);
        double[] gains = [.. Unseen(later).Where(p => before.ContainsKey(p.Key) && Counts(set, p.Key)).Select(p => Loss(before[p.Key], set.Labels[p.Key]) - Loss(p.Value, set.Labels[p.Key]))];
        if (gains.Length < FewestRows) return false;
        var mean = gains.Average();
        return mean > Sure * Math.Sqrt(gains.Sum(g => (g - mean) * (g - mean)) / (gains.Length - 1) / gains.Length);
    }

    /// <summary>A probability of each row from models that have not seen it: out-of-fold or test. By position in the table.</summary>
    internal static Dictionary<int, double> Unseen(TrainingResult result)
    {
        var probabilities = new Dictionary<int, double>(result.CalibrationRows.Length + result.TestRows.Length);
        for (var i = 0; i < result.CalibrationRows.Length; i++) probabilities[result.CalibrationRows[i]] = result.OutOfFoldProbabilities[i];
        for (var i = 0; i < result.TestRows.Length; i++) probabilities[result.TestRows[i]] = result.TestScores[i].Probability;
        return probabilities;
    }

    private static double Loss(double probability, float label) => ProbabilityLoss.LogLoss([probability], [label]);

    // Where effort is corrected for, what became of leads that nobody worked says nothing of the rule.
    private static bool Counts(TrainingSet set, int row) => set.Weights?[row] is not 0;

    private static bool IsMature(long asOfMs, RowFacts facts) => facts.MatureUntilMs is not { } until || asOfMs <= until;

    /// <summary>Enough to learn from, and not all.</summary>
    private static bool Enough(TrainingSet set, int[] rows, long since, RowFacts facts)
    {
        var later = Later(set, rows, since, facts);
        var converted = later.Count(r => set.Labels[r] == 1);
        return later.Length >= FewestRows && rows.Any(r => set.AsOfMs![r] < since) && converted >= FewestPerClass && later.Length - converted >= FewestPerClass;
    }
}
