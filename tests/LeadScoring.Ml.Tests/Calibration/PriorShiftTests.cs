using LeadScoring.Ml.Calibration;

namespace LeadScoring.Ml.Tests.Calibration;

public sealed class PriorShiftTests
{
    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>Leads of two kinds, normals 2 apart: the log-odds at a base rate are 2 (x - 1) + logit(rate).</summary>
    private static (double[] P, float[] Y) LabelShift(int rows, double trainingRate, double rate, int seed)
    {
        var random = new Random(seed);
        var y = Enumerable.Range(0, rows).Select(_ => random.NextDouble() < rate ? 1f : 0f).ToArray();
        return (Array.ConvertAll(y, label => Sigmoid((2 * ((2 * label) + Normal(random) - 1)) + Math.Log(trainingRate / (1 - trainingRate)))), y);
    }

    [Fact]
    public void Estimate_CertainLeads_IsTheirShare()
    {
        // Closed form: where every probability is 0 or 1 the likelihood is k log(to) + (n - k) log(1 - to), largest at k / n.
        double[] p = [.. Enumerable.Repeat(1.0, 30), .. Enumerable.Repeat(0.0, 70)];
        var shift = PriorShift.Estimate(p, 0.1);
        Assert.Equal(0.3, shift.To, 8);
        Assert.True(shift.P < 1e-6);
    }

    [Fact]
    public void Estimate_TwoValues_IsTheRootOfTheLikelihood()
    {
        // From 0.5, p is 0.8 or 0.2: d/dq sum log(2qp + 2(1-q)(1-p)) = 0 has q = (a - 0.2) / 0.6 with a the share of 0.8.
        double[] p = [.. Enumerable.Repeat(0.8, 65), .. Enumerable.Repeat(0.2, 35)];
        Assert.Equal((0.65 - 0.2) / 0.6, PriorShift.Estimate(p, 0.5).To, 6);
    }

    [Theory]
    [InlineData(0.05, 0.31)]
    [InlineData(0.31, 0.05)]
    [InlineData(0.3, 0.3)]
    public void Estimate_LabelShift_FindsTheBaseRate(double from, double to)
    {
        var (p, y) = LabelShift(20_000, from, to, 1);
        var shift = PriorShift.Estimate(p, from);
        Assert.Equal(to, shift.To, 0.015);
        Assert.Equal(from != to, shift.P < 0.01);
        Assert.True(shift.IsPlausible);
        Assert.Equal(y.Average(), p.Average(x => PriorShift.Correct(x, shift.From, shift.To)), 0.02);
    }

    [Fact]
    public void Estimate_NoShift_TestHoldsItsLevel()
    {
        var alarms = Enumerable.Range(0, 300).Count(s => PriorShift.Estimate(LabelShift(400, 0.2, 0.2, s).P, 0.2).P < 0.05);
        Assert.InRange(alarms / 300.0, 0.02, 0.09);
    }

    [Fact]
    public void Correct_Odds_AreTimesTheRatio()
    {
        // 0.5 at 10 % is odds 1; at 50 % odds of the base rate are 9 times as high.
        Assert.Equal(0.9, PriorShift.Correct(0.5, 0.1, 0.5), 12);
        Assert.Equal(0.123, PriorShift.Correct(0.123, 0.4, 0.4), 12);
    }

    /// <summary>What EM cannot know: conversions follow the score at half the strength, at the same base rate. It sees the same leads as ever and finds nothing.</summary>
    [Fact]
    public void Decide_ConceptDrift_EmIsBlindAndOutcomesAreNot()
    {
        var random = new Random(3);
        var (p, _) = LabelShift(3_000, 0.3, 0.3, 4);
        // The score says next to nothing any more: 10 % of its slope.
        var y = Array.ConvertAll(p, x => random.NextDouble() < Sigmoid((0.1 * Math.Log(x / (1 - x))) - 0.75) ? 1f : 0f);
        Assert.True(PriorShift.Estimate(p, 0.3).P > 0.01);
        var anchor = Reanchoring.Decide(new MaturedOutcomes(p, y), p, 0.3, 1);
        Assert.Equal(AnchorVerdict.RankOnly, anchor.Verdict);
        Assert.True(anchor.Evidence.SlopeHigh < 0.5, anchor.Evidence.Reason);
        Assert.Contains("what leads to a conversion has changed", anchor.Evidence.Reason);
    }

    /// <summary>The other thing EM cannot know: leads as such look better, and convert as their probabilities say. EM takes it for a moved base rate; outcomes overrule it.</summary>
    [Fact]
    public void Decide_LeadsAsSuchLookBetter_NothingIsMoved()
    {
        var random = new Random(5);
        var p = Enumerable.Range(0, 4_000).Select(_ => Sigmoid(0.5 + Normal(random))).ToArray();
        var y = Array.ConvertAll(p, x => random.NextDouble() < x ? 1f : 0f);
        Assert.True(PriorShift.Estimate(p, 0.2).P < 1e-6);
        var anchor = Reanchoring.Decide(new MaturedOutcomes(p, y), p, 0.2, 1);
        Assert.Equal((AnchorVerdict.None, true), (anchor.Verdict, anchor.IsIdentity));
    }

    [Fact]
    public void Decide_CalibrationHolds_IsLeftAlone()
    {
        var moved = 0;
        for (var seed = 0; seed < 60; seed++)
        {
            var (p, y) = LabelShift(800, 0.3, 0.3, seed);
            moved += Reanchoring.Decide(new MaturedOutcomes(p, y), [], 0.3, 1).Verdict == AnchorVerdict.None ? 0 : 1;
        }

        Assert.InRange(moved, 0, 4);
    }

    [Fact]
    public void Decide_BaseRateMoved_IsAnchoredAndHalvesTheError()
    {
        var (p, y) = LabelShift(2_000, 0.05, 0.31, 6);
        var (later, laterLabels) = LabelShift(4_000, 0.05, 0.31, 7);
        var anchor = Reanchoring.Decide(new MaturedOutcomes(p, y), [], 0.05, 1);
        Assert.Equal((AnchorVerdict.Reanchored, AnchorMethod.Outcomes), (anchor.Verdict, anchor.Method));
        double Error(Func<double, double> map) => LeadScoring.Ml.Metrics.CalibrationError.Expected(Array.ConvertAll(later, x => map(x)), laterLabels);
        Assert.True(Error(anchor.Apply) < 0.5 * Error(x => x), $"{Error(x => x)} {Error(anchor.Apply)}");
        Assert.Equal(y.Average(), anchor.ToRate, 0.02);
    }

    [Fact]
    public void Decide_FewOutcomes_OnlyHints()
    {
        var (p, y) = LabelShift(150, 0.05, 0.31, 8);
        var anchor = Reanchoring.Decide(new MaturedOutcomes(p, y), LabelShift(2_000, 0.05, 0.31, 9).P, 0.05, 1);
        Assert.Equal(AnchorVerdict.None, anchor.Verdict);
        Assert.Contains("hint at a base rate of 0.3", anchor.Evidence.Reason);
    }

    [Fact]
    public void Decide_MapThatNoAnchorMends_IsRankOnly()
    {
        // Converts in the middle only: no slope and intercept make that right.
        var random = new Random(10);
        var p = Enumerable.Range(0, 3_000).Select(_ => random.NextDouble()).ToArray();
        var y = Array.ConvertAll(p, x => random.NextDouble() < (x is > 0.3 and < 0.6 ? 0.9 : x >= 0.6 ? 0.55 : 0.05) ? 1f : 0f);
        var anchor = Reanchoring.Decide(new MaturedOutcomes(p, y), [], 0.5, 1);
        Assert.Equal(AnchorVerdict.RankOnly, anchor.Verdict);
        Assert.True(anchor.Evidence.EceAfterLow > Reanchoring.RankOnlyError);
    }

    [Fact]
    public void Apply_AnyAnchor_KeepsOrderAndEnds()
    {
        var anchor = new Anchor { Slope = 0.4, Intercept = -2 };
        var p = Enumerable.Range(0, 1_001).Select(i => anchor.Apply(i / 1000.0)).ToArray();
        Assert.True(p.Zip(p.Skip(1)).All(x => x.First < x.Second));
        Assert.Equal((0.0, 1.0), (p[0], p[^1]));
        Assert.Throws<ArgumentException>(() => new Anchor { Slope = 0 }.Validate());
        Assert.Throws<ArgumentException>(() => new Anchor { Intercept = double.NaN }.Validate());
        Assert.Throws<ArgumentException>(() => new Anchor { PeriodHalfWidth = -1 }.Validate());
        Assert.Throws<ArgumentException>(() => new Anchor { PeriodHalfWidth = double.NaN }.Validate());
        foreach (var x in (double[])[0, 1e-5, 0.3, 1 - 1e-5, 1]) Assert.Equal(x, anchor.Undo(anchor.Apply(x)), 12);
    }
}
