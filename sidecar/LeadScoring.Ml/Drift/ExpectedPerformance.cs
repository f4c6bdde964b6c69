namespace LeadScoring.Ml.Drift;

/// <summary>What the quality of calibrated probabilities will turn out to be, before any outcome is known.</summary>
/// <remarks>
/// If leads given p convert p of the time, each lead is a conversion of weight p and a loss of weight 1 - p, and every metric has an expected value (confidence-based performance estimation,
/// NannyML 2022; Platanios et al. 2016, "Estimating Accuracy from Unlabeled Data", is the idea's older form). It sees a change of the mix of leads and is blind to a change of how outcomes
/// follow from it: the outcomes themselves show that, later.
/// </remarks>
/// <param name="Rows">Leads.</param>
/// <param name="RocAuc">Expected area under the ROC curve; NaN below two leads.</param>
/// <param name="Brier">Expected Brier score: mean of p (1 - p).</param>
/// <param name="LogLoss">Expected log loss: mean entropy, nats.</param>
/// <param name="ConversionRate">Expected share that converts.</param>
public sealed record ExpectedPerformance(int Rows, double RocAuc, double Brier, double LogLoss, double ConversionRate)
{
    /// <summary>Estimates.</summary>
    /// <param name="probabilities">Calibrated, in [0, 1]. Shape (leads,).</param>
    /// <exception cref="ArgumentException">A probability is NaN or outside [0, 1].</exception>
    public static ExpectedPerformance Of(ReadOnlySpan<double> probabilities)
    {
        var sorted = probabilities.ToArray();
        var bad = Array.FindIndex(sorted, p => !(p is >= 0 and <= 1));
        if (bad >= 0) throw new ArgumentException($"The probability of lead {bad} is {sorted[bad]:R}, outside [0, 1].", nameof(probabilities));
        if (sorted.Length == 0) return new ExpectedPerformance(0, double.NaN, double.NaN, double.NaN, double.NaN);
        Array.Sort(sorted);
        double brier = 0, entropy = 0, positives = 0, negatives = 0, wins = 0, pairsOfSelf = 0;
        for (var start = 0; start < sorted.Length;)
        {
            double tiedPositives = 0, tiedNegatives = 0, self = 0;
            var end = start;
            for (; end < sorted.Length && sorted[end] == sorted[start]; end++)
            {
                var p = sorted[end];
                tiedPositives += p;
                tiedNegatives += 1 - p;
                self += p * (1 - p);
                entropy -= p is 0 or 1 ? 0 : (p * Math.Log(p)) + ((1 - p) * Math.Log(1 - p));
            }

            // A lead is not compared with itself.
            wins += (tiedPositives * (negatives + (tiedNegatives / 2))) - (self / 2);
            pairsOfSelf += self;
            positives += tiedPositives;
            negatives += tiedNegatives;
            start = end;
        }

        brier = pairsOfSelf / sorted.Length;
        var pairs = (positives * negatives) - pairsOfSelf;
        return new ExpectedPerformance(sorted.Length, pairs > 0 ? wins / pairs : double.NaN, brier, entropy / sorted.Length, positives / sorted.Length);
    }
}
