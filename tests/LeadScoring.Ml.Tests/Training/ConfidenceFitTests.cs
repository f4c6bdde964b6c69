using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class ConfidenceFitTests
{
    [Fact]
    public void Fit_FreshLeadsInBands_AreDecidedRightlyAsOftenAsSaid()
    {
        // Probabilities are overstated where members disagree, so max(p, 1 - p) would not do.
        var (calibrated, members, known, labels) = World(20_000, 1);
        var fold = Enumerable.Range(0, labels.Length).Select(i => i % 5).ToArray();
        var model = ConfidenceFit.Fit(calibrated, members, known, labels, fold, 5);
        var (fresh, freshMembers, freshKnown, freshLabels) = World(40_000, 2);
        var scored = fresh.Select((p, i) => (Confidence: model.Confidence(p, freshMembers.Select(m => m[i]).ToArray(), freshKnown[i]), Naive: Math.Max(p, 1 - p), Right: p >= 0.5 == (freshLabels[i] == 1) ? 1.0 : 0)).ToArray();
        var bands = scored.GroupBy(s => Math.Floor(s.Confidence * 20)).Where(g => g.Count() >= 500).ToArray();
        Assert.True(bands.Length >= 4, $"only {bands.Length} bands");
        Assert.All(bands, b => Assert.InRange(b.Average(s => s.Right) - b.Average(s => s.Confidence), -0.04, 0.04));
        Assert.Contains(scored.GroupBy(s => Math.Floor(s.Naive * 20)).Where(g => g.Count() >= 500), b => Math.Abs(b.Average(s => s.Right) - b.Average(s => s.Naive)) > 0.04);
    }

    [Fact]
    public void Fit_AllRight_IsNearlySureButNotQuite()
    {
        double[] calibrated = [.. Enumerable.Repeat(0.9, 100)];
        float[] labels = [.. Enumerable.Repeat(1f, 100)];
        var model = ConfidenceFit.Fit(calibrated, [calibrated, calibrated], calibrated, labels, [.. Enumerable.Range(0, 100).Select(i => i % 2)], 2);
        Assert.InRange(model.Confidence(0.9, [0.9, 0.9], 0.9), 0.97, 0.999);
    }

    [Theory]
    [InlineData(0, 0, 0.2)]
    [InlineData(1.5, 0.4, 3)]
    public void Spread_LevelMovesWithTime_IsSeen(double rise, double least, double most)
    {
        var (set, rows) = Series(6_000, rise);
        var spread = PeriodBacktest.Spread(set, rows, new TrainingSettings(), CancellationToken.None);
        Assert.InRange(spread.Tau, least, most);
        Assert.Equal(6, spread.Periods);
    }

    [Fact]
    public void Spread_NoTimeOrTooFew_IsUnknown()
    {
        var (set, rows) = Series(6_000, 1);
        var timeless = new TrainingSet(set.Profile, set.Values, set.Labels);
        var still = new TrainingSet(set.Profile, set.Values, set.Labels, new long[set.Rows]);
        foreach (var (s, r) in (IEnumerable<(TrainingSet, int[])>)[(timeless, rows), (still, rows), (set, rows[..1_000])])
            Assert.Equal(PeriodSpread.Unknown, PeriodBacktest.Spread(s, r, new TrainingSettings(), CancellationToken.None));
    }

    /// <summary>Two features and an outcome whose level rises over time; rows shuffled.</summary>
    private static (TrainingSet Set, int[] Rows) Series(int rows, double rise)
    {
        var random = new Random(9);
        var profile = FeatureProfile.Parse("name: s\nfeatures:\n  - name: a\n  - name: b\n");
        var values = new FeatureValue[2 * rows];
        var labels = new float[rows];
        var moments = new long[rows];
        for (var r = 0; r < rows; r++)
        {
            var time = random.NextDouble();
            double a = random.NextDouble(), b = random.NextDouble();
            (values[2 * r], values[(2 * r) + 1], moments[r]) = (new FeatureValue(a, null), new FeatureValue(b, null), (long)(time * 1e12));
            labels[r] = random.NextDouble() < 1 / (1 + Math.Exp(-(-1 + a + (rise * time)))) ? 1 : 0;
        }

        return (new TrainingSet(profile, values, labels, moments), [.. Enumerable.Range(0, rows)]);
    }

    private static (double[] Calibrated, double[][] Members, double[] Known, float[] Labels) World(int leads, int seed)
    {
        var random = new Random(seed);
        var (calibrated, known, labels) = (new double[leads], new double[leads], new float[leads]);
        double[][] members = [new double[leads], new double[leads]];
        for (var i = 0; i < leads; i++)
        {
            var apart = 0.3 * random.NextDouble();
            calibrated[i] = 0.02 + (0.96 * random.NextDouble());
            (members[0][i], members[1][i], known[i]) = (Math.Max(0, calibrated[i] - apart), Math.Min(1, calibrated[i] + apart), random.NextDouble());
            var logOdds = Math.Log(calibrated[i] / (1 - calibrated[i])) * (1 - (2.5 * apart));
            labels[i] = random.NextDouble() < 1 / (1 + Math.Exp(-logOdds)) ? 1 : 0;
        }

        return (calibrated, members, known, labels);
    }
}
