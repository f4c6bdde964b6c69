using LeadScoring.Ml.Calibration;

namespace LeadScoring.Ml.Tests.Calibration;

public sealed class SmoothedIsotonicTests
{
    /// <summary>Leads whose raw probability is off by a factor in log-odds.</summary>
    private static (double[] Raw, float[] Labels, double[] Truth) Draw(int leads, double middle, int seed)
    {
        var random = new Random(seed);
        var (raw, labels, truth) = (new double[leads], new float[leads], new double[leads]);
        for (var i = 0; i < leads; i++)
        {
            var margin = middle + (2.4 * (random.NextDouble() + random.NextDouble() - 1));
            truth[i] = 1 / (1 + Math.Exp(-margin));
            raw[i] = 1 / (1 + Math.Exp(-margin / 2));
            labels[i] = random.NextDouble() < truth[i] ? 1 : 0;
        }

        return (raw, labels, truth);
    }

    [Fact]
    public void Fit_IsHalfWayBetweenTheIsotonicMapAndTheLine()
    {
        var (raw, labels, _) = Draw(1_500, -1, 1);
        var isotonic = IsotonicCalibrator.Fit(raw, labels, minimumBlockWeight: IsotonicCalibrator.SuggestedBlockWeight(raw.Length));
        var line = PlattScaling.Fit(raw, labels);
        var map = SmoothedIsotonic.Fit(raw, labels);
        foreach (var x in isotonic.KnotsX.ToArray().Concat(raw.Take(50))) Assert.InRange(map.Apply(x) - ((isotonic.Apply(x) + line.Apply(x)) / 2), -0.002, 0.002);
    }

    [Fact]
    public void Fit_FewConversions_LosesLessOnNewLeadsThanTheIsotonicMap()
    {
        double smooth = 0, plain = 0;
        for (var seed = 0; seed < 20; seed++)
        {
            var (raw, labels, _) = Draw(1_000, -3, seed);
            var (fresh, _, truth) = Draw(4_000, -3, 1_000 + seed);
            smooth += Loss(SmoothedIsotonic.Fit(raw, labels), fresh, truth);
            plain += Loss(IsotonicCalibrator.Fit(raw, labels, minimumBlockWeight: 50), fresh, truth);
        }

        Assert.True(smooth < plain - 0.02, $"{smooth} {plain}");
    }

    [Fact]
    public void Fit_RawProbabilityBends_FollowsBetterThanALine()
    {
        var random = new Random(3);
        var raw = Enumerable.Range(0, 20_000).Select(_ => random.NextDouble()).ToArray();
        var truth = Array.ConvertAll(raw, x => x < 0.5 ? 0.05 : 0.6);
        var labels = Array.ConvertAll(truth, p => random.NextDouble() < p ? 1f : 0f);
        var line = PlattScaling.Fit(raw, labels);
        Assert.True(Loss(SmoothedIsotonic.Fit(raw, labels), raw, truth) < Cross(Array.ConvertAll(raw, line.Apply), truth) - 0.01);
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0f)]
    public void Fit_OneClass_StaysInsideAndRises(float label)
    {
        double[] raw = [0, 0.2, 0.4, 0.9, 1];
        AssertRisesInside(SmoothedIsotonic.Fit(raw, [label, label, label, label, label]));
    }

    [Fact]
    public void Fit_WrongWayRoundOrSeparable_StaysInsideAndRises()
    {
        var raw = Enumerable.Range(0, 400).Select(i => i / 399.0).ToArray();
        AssertRisesInside(SmoothedIsotonic.Fit(raw, Array.ConvertAll(raw, x => x < 0.5 ? 1f : 0f)));
        AssertRisesInside(SmoothedIsotonic.Fit(raw, Array.ConvertAll(raw, x => x < 0.5 ? 0f : 1f)));
        AssertRisesInside(SmoothedIsotonic.Fit([0.3, 0.3, 0.3], [0, 1, 0]));
    }

    private static void AssertRisesInside(IsotonicCalibrator map)
    {
        var last = 0.0;
        for (var x = 0.0; x <= 1; x += 0.001)
        {
            var y = map.Apply(x);
            Assert.True(y > last && y < 1, $"{x}: {last} {y}");
            last = y;
        }
    }

    private static double Loss(IsotonicCalibrator map, double[] raw, double[] truth) => Cross(Array.ConvertAll(raw, map.Apply), truth);

    /// <summary>Expected log loss under the true probabilities: no noise of its own.</summary>
    private static double Cross(double[] p, double[] truth) => p.Zip(truth, (q, t) => -(t * Math.Log(q)) - ((1 - t) * Math.Log(1 - q))).Average() is var loss && double.IsFinite(loss) ? loss : throw new ArithmeticException();
}
