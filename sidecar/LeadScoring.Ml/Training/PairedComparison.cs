using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Two models on the same leads: differences with paired bootstrap intervals. Leads count as much as the training lets them.</summary>
internal sealed class PairedComparison
{
    private const int FewestRows = 100;
    private const int FewestPerClass = 10;

    private readonly int seed;
    private readonly double[] candidate;
    private readonly double[] champion;
    private readonly double[] weights;

    private PairedComparison(TrainingSet set, int[] rows, double[] candidate, EnsembleModel champion, bool areUnseen, bool isForward, int seed)
    {
        (Set, Rows, this.candidate, AreUnseen, IsForward, this.seed) = (set, rows, candidate, areUnseen, isForward, seed);
        var same = set.WithFeatures(champion.Profile);
        this.champion = Array.ConvertAll(rows, r => champion.Score(same.Row(r)).Probability);
        Labels = Array.ConvertAll(rows, r => set.Labels[r]);
        weights = Array.ConvertAll(rows, r => (double)(set.Weights?[r] ?? 1));
    }

    internal TrainingSet Set { get; }

    /// <summary>Leads compared on, as positions in the set.</summary>
    internal int[] Rows { get; }

    internal float[] Labels { get; }

    internal ReadOnlySpan<double> Candidate => candidate;

    internal ReadOnlySpan<double> Champion => champion;

    /// <summary>Whether the champion learned from none of them.</summary>
    internal bool AreUnseen { get; }

    /// <summary>Whether the candidate's side was trained on older leads only.</summary>
    internal bool IsForward { get; }

    /// <summary>
    /// The newest leads, scored by the candidate's stand-in that was trained on the older ones; where there is no such test, the leads held back. Of them those that the champion did not learn
    /// from, if they are enough; else all, which errs on the champion's side.
    /// </summary>
    internal static PairedComparison Of(TrainingSet set, JudgedTraining judged, EnsembleModel model, bool[]? learned, int seed)
    {
        var tested = judged.Forward ?? judged.Result;
        int[] all = [.. Enumerable.Range(0, tested.TestRows.Length)];
        int[] unseen = learned is null ? [] : [.. all.Where(i => !learned[tested.TestRows[i]])];
        var converted = unseen.Count(i => set.Labels[tested.TestRows[i]] == 1);
        var enough = unseen.Length >= FewestRows && converted >= FewestPerClass && unseen.Length - converted >= FewestPerClass;
        var used = enough ? unseen : all;
        return new PairedComparison(
            set, Array.ConvertAll(used, i => tested.TestRows[i]), Array.ConvertAll(used, i => tested.TestScores[i].Probability), model, enough, judged.Forward is not null, seed);
    }

    /// <summary>Mean log loss of both, and candidate less champion with its interval.</summary>
    internal (double Candidate, double Champion, double Difference, Interval Interval) LogLoss()
    {
        double[] own = Losses(candidate), theirs = Losses(champion);
        var ones = Ones();
        var (one, other) = (Weighted(own, ones), Weighted(theirs, ones));
        return (one, other, one - other, Resampled(one - other, counts => Weighted(own, counts) - Weighted(theirs, counts)));
    }

    /// <summary>The same of the expected calibration error.</summary>
    internal (double Candidate, double Champion, double Difference, Interval Interval) Calibration()
    {
        var ones = Ones();
        var (one, other) = (Error(candidate, ones), Error(champion, ones));
        return (one, other, one - other, Resampled(one - other, counts => Error(candidate, counts) - Error(champion, counts)));
    }

    /// <summary>The largest gap in mean score / 100 between groups of people; null with fewer than two large groups.</summary>
    /// <param name="groups">Group of each row of the set; null where unknown.</param>
    /// <param name="fewest">Fewest leads of a group.</param>
    internal (double Candidate, double Champion, double Difference, Interval Interval)? Gap(string?[] groups, int fewest)
    {
        int[][] members =
        [
            .. Enumerable.Range(0, Rows.Length).Where(i => groups[Rows[i]] is not null).GroupBy(i => groups[Rows[i]]!, StringComparer.Ordinal).Where(g => g.Count() >= fewest).Select(g => g.ToArray()),
        ];
        if (members.Length < 2) return null;
        var ones = Ones();
        var (one, other) = (Spread(candidate, members, ones), Spread(champion, members, ones));
        return (one, other, one - other, Resampled(one - other, counts => Spread(candidate, members, counts) - Spread(champion, members, counts)));
    }

    private Interval Resampled(double difference, Func<int[], double> measure)
    {
        var draws = new double[Bootstrap.SuggestedResamples(Rows.Length)];
        Bootstrap.Run(Array.ConvertAll(Labels, y => (int)y), draws.Length, seed, (b, counts) => draws[b] = measure(counts));
        return Bootstrap.Of(difference, draws);
    }

    private int[] Ones()
    {
        var ones = new int[Rows.Length];
        Array.Fill(ones, 1);
        return ones;
    }

    private double[] Losses(double[] probabilities) =>
        [.. Enumerable.Range(0, Rows.Length).Select(i => ProbabilityLoss.LogLoss([probabilities[i]], [Labels[i]]))];

    private double Weighted(double[] values, int[] counts)
    {
        double sum = 0, rows = 0;
        for (var i = 0; i < values.Length; i++) (sum, rows) = (sum + (counts[i] * weights[i] * values[i]), rows + (counts[i] * weights[i]));
        return sum / rows;
    }

    /// <summary>The expected calibration error of a resample: the same bins as <see cref="CalibrationError"/>.</summary>
    private double Error(double[] probabilities, int[] counts)
    {
        Span<double> gaps = stackalloc double[CalibrationError.Bins];
        gaps.Clear();
        double rows = 0;
        for (var i = 0; i < probabilities.Length; i++)
        {
            gaps[Math.Clamp((int)Math.Ceiling(probabilities[i] * CalibrationError.Bins) - 1, 0, CalibrationError.Bins - 1)] += counts[i] * weights[i] * (probabilities[i] - Labels[i]);
            rows += counts[i] * weights[i];
        }

        double sum = 0;
        foreach (var gap in gaps) sum += Math.Abs(gap);
        return sum / rows;
    }

    private double Spread(double[] probabilities, int[][] members, int[] counts)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (var group in members)
        {
            double sum = 0, rows = 0;
            foreach (var i in group) (sum, rows) = (sum + (counts[i] * weights[i] * probabilities[i]), rows + (counts[i] * weights[i]));
            if (rows == 0) continue;
            (low, high) = (Math.Min(low, sum / rows), Math.Max(high, sum / rows));
        }

        return high - low;
    }
}
