using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Training;

/// <summary>Fits a <see cref="ConfidenceModel"/> on out-of-fold scores.</summary>
internal static class ConfidenceFit
{
    /// <param name="calibrated">Out-of-fold probabilities, each calibrated by the other folds.</param>
    /// <param name="members">Out-of-fold probabilities of the members that score: [member][row].</param>
    /// <param name="known">Share of known features of each row.</param>
    /// <param name="labels">1 or 0.</param>
    /// <param name="fold">Fold of each row.</param>
    /// <param name="folds">Number of folds.</param>
    /// <param name="weights">Numbers of leads that rows count for; null or empty for all 1.</param>
    internal static ConfidenceModel Fit(double[] calibrated, double[][] members, double[] known, float[] labels, int[] fold, int folds, float[]? weights = null)
    {
        weights ??= [];
        const int Width = ConfidenceModel.Signals;
        var signals = new float[calibrated.Length * Width];
        var right = new float[calibrated.Length];
        var row = new double[members.Length];
        for (var i = 0; i < calibrated.Length; i++)
        {
            for (var m = 0; m < row.Length; m++) row[m] = members[m][i];
            ConfidenceModel.Fill(signals.AsSpan(i * Width, Width), calibrated[i], row, known[i]);
            right[i] = calibrated[i] >= 0.5 == (labels[i] == 1) ? 1 : 0;
        }

        // The map must see what the regression says of rows it has not learned from.
        var outOfFold = new double[right.Length];
        for (var k = 0; k < folds; k++)
        {
            var others = Regress(signals, right, weights, [.. Enumerable.Range(0, right.Length).Where(i => fold[i] != k)]);
            for (var i = 0; i < right.Length; i++)
            {
                if (fold[i] == k) outOfFold[i] = others.Probability(signals.AsSpan(i * Width, Width));
            }
        }

        var map = IsotonicCalibrator.Fit(outOfFold, right, weights, BlockWeight(weights.Length == 0 ? right.Length : weights.Sum()));
        return new ConfidenceModel(Regress(signals, right, weights, [.. Enumerable.Range(0, right.Length)]), map);
    }

    /// <summary>
    /// Blocks of at least 200 rows and 1 % of all: below 200 the sampling error of a rate exceeds 0.03, and where there are many rows, more of them make it
    /// smaller still; the regression has given the shape already.
    /// </summary>
    private static double BlockWeight(double rows) => Math.Min(rows / 10.0, Math.Max(200, rows / 100.0));

    private static LogisticRegression Regress(float[] signals, float[] right, float[] weights, int[] rows)
    {
        const int Width = ConfidenceModel.Signals;
        var y = Array.ConvertAll(rows, r => right[r]);
        var wrong = y.Count(v => v == 0);
        // All right (or all wrong) leaves nothing to learn from: the smoothed share stands for all.
        var share = (y.Length - wrong + 0.5) / (y.Length + 1);
        if (wrong == 0 || wrong == y.Length) return new LogisticRegression(new double[Width], Math.Log(share / (1 - share)));
        var x = new float[rows.Length * Width];
        for (var i = 0; i < rows.Length; i++) signals.AsSpan(rows[i] * Width, Width).CopyTo(x.AsSpan(i * Width));
        return LogisticRegressionTrainer.Train(x, Width, y, weights.Length == 0 ? [] : Array.ConvertAll(rows, r => weights[r]));
    }
}
