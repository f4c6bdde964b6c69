namespace LeadScoring.Ml.Metrics;

/// <summary>How steady scores and ranking are from week to week.</summary>
/// <remarks>
/// Weeks are calendar weeks, Monday 00:00 UTC to Sunday, by the moment that a row is as of; a week counts from 30 rows on, and for the AUC from 10 rows of each class on.
/// The coefficient of variation is the population standard deviation of the weekly figures over their mean (Everitt and Skrondal 2010, "The Cambridge Dictionary of Statistics").
/// Weeks with few leads vary by chance alone: <see cref="MeanScoreByChance"/> is the variation that sampling would give if all weeks were alike.
/// </remarks>
/// <param name="Weeks">Weeks that count.</param>
/// <param name="MeanScore">Coefficient of variation of the weekly mean scores; NaN below two weeks. The product's target is below 0.15.</param>
/// <param name="MeanScoreByChance">The same as it would be by sampling alone.</param>
/// <param name="AucWeeks">Weeks with enough rows of both classes.</param>
/// <param name="Auc">Coefficient of variation of the weekly AUC; NaN below two such weeks.</param>
/// <param name="LowestAuc">AUC of the worst such week.</param>
public sealed record WeeklyStability(int Weeks, double MeanScore, double MeanScoreByChance, int AucWeeks, double Auc, double LowestAuc)
{
    /// <summary>Fewest rows of a week.</summary>
    public const int FewestRows = 30;

    /// <summary>Fewest rows of each class for the week's AUC.</summary>
    public const int FewestPerClass = 10;

    /// <summary>The target.</summary>
    public const double Target = 0.15;

    private const long DayMs = 86_400_000;

    /// <summary>Measures scored rows.</summary>
    /// <param name="points">Scores, 0 to 100. Shape (rows,).</param>
    /// <param name="labels">1 or 0. Shape (rows,).</param>
    /// <param name="asOfMs">Moment of each row, Unix ms. Shape (rows,).</param>
    /// <param name="weights">How many leads each counts for. Shape (rows,), or empty for all 1.</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static WeeklyStability Of(double[] points, float[] labels, long[] asOfMs, float[]? weights = null)
    {
        if (weights is null or { Length: 0 })
        {
            weights = new float[labels.Length];
            Array.Fill(weights, 1);
        }

        if (points.Length != labels.Length || points.Length != asOfMs.Length) throw new ArgumentException($"{points.Length} scores, {labels.Length} labels, {asOfMs.Length} moments");
        // The epoch was a Thursday.
        var weeks = Enumerable.Range(0, points.Length).GroupBy(i => Math.DivRem(asOfMs[i] + (3 * DayMs), 7 * DayMs) is var (q, r) && r < 0 ? q - 1 : q)
            .Select(g => g.ToArray()).Where(g => g.Length >= FewestRows).ToArray();
        double[] means = [.. weeks.Select(w => w.Sum(i => weights[i] * points[i]) / w.Sum(i => (double)weights[i]))];
        double[] aucs =
        [
            .. weeks.Where(w => w.Count(i => labels[i] == 1) >= FewestPerClass && w.Count(i => labels[i] == 0) >= FewestPerClass)
                .Select(w => RankingQuality.RocAuc(Array.ConvertAll(w, i => points[i]), Array.ConvertAll(w, i => labels[i]), Array.ConvertAll(w, i => weights[i]))),
        ];
        var chance = weeks.Length < 2 ? double.NaN
            : Math.Sqrt(weeks.Select((w, k) => Spread(w, means[k])).Average()) / means.Average();
        // How far the mean of a week's scores would move if other leads of its kind had come.
        double Spread(int[] week, double mean)
        {
            double sum = 0, squares = 0;
            foreach (var i in week) (sum, squares) = (sum + weights[i], squares + (weights[i] * weights[i] * (points[i] - mean) * (points[i] - mean)));
            return squares / (sum * sum);
        }

        return new WeeklyStability(weeks.Length, Variation(means), chance, aucs.Length, Variation(aucs), aucs.Length == 0 ? double.NaN : aucs.Min());
    }

    private static double Variation(double[] values)
    {
        if (values.Length < 2) return double.NaN;
        var mean = values.Average();
        return mean == 0 ? double.NaN : Math.Sqrt(values.Average(v => (v - mean) * (v - mean))) / mean;
    }
}
