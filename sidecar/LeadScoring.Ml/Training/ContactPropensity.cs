using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Training;

/// <summary>The chance that a lead is worked, given its score when the team decided and the time of that decision.</summary>
/// <remarks>
/// A logistic regression on the score in log-odds, its rank among the leads of its time in steps of a tenth (teams call from the top until the day is over), the time itself and how rank and time go together; then an isotonic map.
/// Cross-fitted: each lead's chance comes from a regression and a map that have not seen whether it was worked (Chernozhukov et al. 2018), so that a lead that was worked against all odds keeps its small chance.
/// </remarks>
public static class ContactPropensity
{
    /// <summary>Fewest leads that were worked, and fewest that were not, for a chance to be told of.</summary>
    public const int FewestPerClass = 20;

    private const int Folds = 5;
    private const int Steps = 9;
    private const int Columns = Steps + 4;
    private const int LeadsAPeriod = 200;
    private const int MostPeriods = 24;

    /// <summary>Estimates.</summary>
    /// <param name="probabilities">Score at the decision as a probability, in [0, 1]. Shape (leads,).</param>
    /// <param name="moments">Decision, Unix ms. Shape (leads,).</param>
    /// <param name="worked">Whether the lead was worked. Shape (leads,).</param>
    /// <param name="seed">Seed of the folds.</param>
    /// <returns>Chances in (0, 1); null when fewer than <see cref="FewestPerClass"/> leads were, or were not, worked.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static double[]? Estimate(double[] probabilities, long[] moments, bool[] worked, int seed)
    {
        if (probabilities.Length != worked.Length || moments.Length != worked.Length) throw new ArgumentException($"{probabilities.Length} scores, {moments.Length} moments, {worked.Length} leads");
        var labels = Array.ConvertAll(worked, w => w ? 1f : 0f);
        var positives = worked.Count(w => w);
        if (positives < FewestPerClass || worked.Length - positives < FewestPerClass) return null;
        var x = Columned(probabilities, moments);
        var fold = StratifiedSplit.Folds(labels, [.. Enumerable.Range(0, labels.Length)], Folds, seed);
        var chances = new double[labels.Length];
        for (var k = 0; k < Folds; k++)
        {
            int[] others = [.. Enumerable.Range(0, labels.Length).Where(i => fold[i] != k)];
            var raw = Raw(x, labels, others, fold, k);
            for (var i = 0; i < labels.Length; i++)
            {
                if (fold[i] == k) chances[i] = raw(i);
            }
        }

        return chances;
    }

    /// <summary>Regression on some rows with a map fitted on what halves of them say of each other.</summary>
    private static Func<int, double> Raw(float[] x, float[] labels, int[] rows, int[] fold, int left)
    {
        var regression = Regress(x, labels, rows);
        var unseen = new double[rows.Length];
        var half = Array.ConvertAll(rows, r => ((fold[r] - left + Folds) % Folds) % 2);
        for (var side = 0; side < 2; side++)
        {
            var other = Regress(x, labels, [.. rows.Where((_, i) => half[i] != side)]);
            for (var i = 0; i < rows.Length; i++)
            {
                if (half[i] == side) unseen[i] = other.Probability(x.AsSpan(rows[i] * Columns, Columns));
            }
        }

        var map = IsotonicCalibrator.Fit(unseen, Array.ConvertAll(rows, r => labels[r]), minimumBlockWeight: IsotonicCalibrator.SuggestedBlockWeight(rows.Length));
        return r => map.Apply(regression.Probability(x.AsSpan(r * Columns, Columns)));
    }

    private static LogisticRegression Regress(float[] x, float[] labels, int[] rows)
    {
        var chosen = new float[rows.Length * Columns];
        for (var i = 0; i < rows.Length; i++) x.AsSpan(rows[i] * Columns, Columns).CopyTo(chosen.AsSpan(i * Columns));
        return LogisticRegressionTrainer.Train(chosen, Columns, Array.ConvertAll(rows, r => labels[r]));
    }

    private static float[] Columned(double[] probabilities, long[] moments)
    {
        var leads = probabilities.Length;
        var x = new float[leads * Columns];
        int[] byTime = [.. Enumerable.Range(0, leads).OrderBy(i => moments[i]).ThenBy(i => i)];
        var periods = Math.Clamp(leads / LeadsAPeriod, 1, MostPeriods);
        for (var p = 0; p < periods; p++)
        {
            int[] period = [.. byTime[(int)((long)leads * p / periods)..(int)((long)leads * (p + 1) / periods)].OrderBy(i => probabilities[i]).ThenBy(i => i)];
            for (var start = 0; start < period.Length;)
            {
                var end = start;
                while (end < period.Length && probabilities[period[end]] == probabilities[period[start]]) end++;
                var rank = (start + end) / 2.0 / period.Length;
                for (; start < end; start++) Fill(x.AsSpan(period[start] * Columns, Columns), probabilities[period[start]], rank, periods == 1 ? 0 : (2.0 * p / (periods - 1)) - 1);
            }
        }

        return x;
    }

    private static void Fill(Span<float> row, double probability, double rank, double time)
    {
        for (var s = 0; s < Steps; s++) row[s] = rank >= (s + 1) / (Steps + 1.0) ? 1 : 0;
        row[Steps] = (float)Math.Clamp(Math.Log(probability / (1 - probability)), -6, 6);
        row[Steps + 1] = (float)rank;
        row[Steps + 2] = (float)time;
        row[Steps + 3] = (float)(time * (rank - 0.5));
    }
}
