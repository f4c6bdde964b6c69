using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Metrics;

[Trait("Category", "Slow")]
public sealed class RankedSampleTests
{
    private static (double[] P, float[] Y) Leads(int rows, int seed)
    {
        var random = new Random(seed);
        // Rounded, so that there are ties.
        var p = Enumerable.Range(0, rows).Select(_ => Math.Round(random.NextDouble(), 2)).ToArray();
        return (p, Array.ConvertAll(p, x => random.NextDouble() < x ? 1f : 0f));
    }

    private static double[] Points(double[] p) => Array.ConvertAll(p, x => new LeadScore(x, 0).Points);

    [Fact]
    public void Measure_TheLeadsThemselves_AgreesWithEachMetric()
    {
        var (p, y) = Leads(700, 3);
        var set = MetricSet.Of(p, y, 0.37);
        var m = new RankedSample(p, Points(p), y, 0.37, 0.1).Measure();
        (Metric Metric, double Value)[] expected =
        [
            (Metric.RocAuc, set.RocAuc), (Metric.AveragePrecision, set.AveragePrecision), (Metric.LogLoss, set.LogLoss), (Metric.Brier, set.Brier), (Metric.Ece, set.Ece),
            (Metric.PrecisionAtHalf, set.AtHalf.Precision), (Metric.RecallAtHalf, set.AtHalf.Recall), (Metric.F1AtHalf, set.AtHalf.F1),
            (Metric.PrecisionAtBest, set.AtBestF1.Precision), (Metric.RecallAtBest, set.AtBestF1.Recall), (Metric.F1AtBest, set.AtBestF1.F1),
            (Metric.GradeAPrecision, set.GradeAPrecision), (Metric.GradeAShare, set.GradeAShare), (Metric.Pearson, set.Pearson), (Metric.ScoreStd, set.ScoreStd),
        ];
        Assert.All(expected, e => Assert.Equal(e.Value, m[(int)e.Metric], 1e-9));
    }

    [Fact]
    public void Measure_Counts_AreTheSameAsRepeatedRows()
    {
        var (p, y) = Leads(120, 4);
        var random = new Random(5);
        var counts = Array.ConvertAll(p, _ => random.Next(4));
        double[] repeated = [.. p.SelectMany((x, i) => Enumerable.Repeat(x, counts[i]))];
        float[] labels = [.. y.SelectMany((x, i) => Enumerable.Repeat(x, counts[i]))];
        var byCounts = new RankedSample(p, Points(p), y, 0.6, 0.2).Measure(counts);
        var byRows = new RankedSample(repeated, Points(repeated), labels, 0.6, 0.2).Measure();
        for (var m = 0; m < RankedSample.Metrics; m++) Assert.Equal(byRows[m], byCounts[m], 1e-9);
    }

    [Fact]
    public void Gain_AtCapacity_CountsTiesByTheirShare()
    {
        // Four leads tie at the top, two of them converted; room is for two: half of the tie, one conversion of three.
        double[] p = [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
        float[] y = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0];
        var m = new RankedSample(p, Points(p), y, 0.5, 0.2).Measure();
        Assert.Equal(1 / 3.0, m[(int)Metric.GainAtCapacity], 12);
        Assert.Equal(1 / 0.6, m[(int)Metric.LiftAtCapacity], 12);
        var gain = Curves.Gain(p, y);
        Assert.Equal((20, 0.2, 1 / 3.0), (gain.Length, gain[3].Share, gain[3].Gain));
        Assert.Equal(1, gain[^1].Gain, 12);
    }

    [Fact]
    public void Curves_ManyLeads_AreThinnedAndKeepTheirEnds()
    {
        var random = new Random(6);
        var p = Enumerable.Range(0, 5_000).Select(_ => random.NextDouble()).ToArray();
        var y = Array.ConvertAll(p, x => random.NextDouble() < x ? 1f : 0f);
        var roc = Curves.Roc(p, y);
        Assert.True(roc.Length <= Curves.MaxPoints && Curves.PrecisionRecall(p, y).Length <= Curves.MaxPoints);
        Assert.Equal((0, 0, 1.0, 1.0), (roc[0].X, roc[0].Y, roc[^1].X, roc[^1].Y));
        var area = roc.Zip(roc.Skip(1)).Sum(s => (s.Second.X - s.First.X) * (s.First.Y + s.Second.Y) / 2);
        Assert.Equal(RankingQuality.RocAuc(p, y), area, 0.003);
    }

    /// <summary>Two normals apart by d: the AUC is Phi(d / sqrt 2), whatever is drawn. 300 samples; three standard errors of a coverage of 95 % are 3.8 points.</summary>
    [Fact]
    public void Bootstrap_Intervals_CoverTheTruth()
    {
        const int Samples = 300;
        const double TrueAuc = 0.760249939;
        int aucs = 0, briers = 0;
        var random = new Random(7);
        // With d = 1 and equal shares the true probability is the sigmoid of x - 1/2: its Brier score is the mean of p (1 - p), over the same draws of x.
        var truth = Enumerable.Range(0, 200_000).Average(i => Probability(Draw(random, i % 2)) is var p ? p * (1 - p) : 0);
        for (var s = 0; s < Samples; s++)
        {
            var y = Enumerable.Range(0, 300).Select(i => (float)(i % 2)).ToArray();
            var p = Array.ConvertAll(y, label => Probability(Draw(random, (int)label)));
            var sample = new RankedSample(p, Points(p), y, 0.5, 0.1);
            var measured = sample.Measure();
            var draws = new double[250][];
            Bootstrap.Run(Array.ConvertAll(y, v => (int)v), draws.Length, s, (b, counts) => draws[b] = sample.Measure(counts));
            bool Covers(Metric metric, double value) =>
                Bootstrap.Of(measured[(int)metric], Array.ConvertAll(draws, d => d[(int)metric])) is var i && i.Low <= value && value <= i.High;
            aucs += Covers(Metric.RocAuc, TrueAuc) ? 1 : 0;
            briers += Covers(Metric.Brier, truth) ? 1 : 0;
        }

        Assert.InRange(aucs / (double)Samples, 0.91, 0.99);
        Assert.InRange(briers / (double)Samples, 0.91, 0.99);

        static double Draw(Random random, int label) => label + (Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        static double Probability(double x) => 1 / (1 + Math.Exp(-(x - 0.5)));
    }

    [Fact]
    public void Bootstrap_FigureThatResamplingOnlyRaises_IsInsideItsInterval()
    {
        // The calibration error of a calibrated model: resampling adds noise and never takes any off.
        var random = new Random(8);
        double[] draws = [.. Enumerable.Range(0, 500).Select(_ => 0.006 + (0.002 * random.NextDouble()))];
        var interval = Bootstrap.Of(0.003, draws);
        Assert.InRange(0.003, interval.Low, interval.High);
        Assert.InRange(interval.High - interval.Low, 0.0018, 0.0021);
        Assert.Equal(0, Bootstrap.Of(0.0001, draws).Low);
    }

    [Fact]
    public void Bootstrap_Strata_KeepTheirSizes()
    {
        int[] strata = [1, 0, 0, 2, 1, 0, 2, 2, 2];
        Bootstrap.Run(strata, 50, 1, (_, counts) =>
        {
            foreach (var group in strata.Distinct()) Assert.Equal(strata.Count(s => s == group), counts.Where((_, i) => strata[i] == group).Sum());
        });
    }

    [Fact]
    public void OfShare_Wilson_IsTheTextbookValue()
    {
        // 10 of 100: Wilson (0.0552, 0.1744), as published for the score interval.
        var interval = Interval.OfShare(10, 100);
        Assert.Equal((0.0552, 0.1744), (Math.Round(interval.Low, 4), Math.Round(interval.High, 4)));
        Assert.True(double.IsNaN(Interval.OfShare(0, 0).Low));
    }
}
