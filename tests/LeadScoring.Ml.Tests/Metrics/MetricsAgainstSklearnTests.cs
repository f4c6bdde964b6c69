using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Tests.Metrics;

public sealed class MetricsAgainstSklearnTests
{
    private const double Tolerance = 1e-12;

    public sealed record Case(
        string Name, double[] Predictions, float[] Labels, double RocAuc, double AveragePrecision, double LogLoss, double Brier,
        double CalibrationError, int[] BinLeads, double? Pearson, double StandardDeviation, double BestF1,
        double[] Thresholds, double[] Precision, double[] Recall, double[] F1, double ShareOfA, double? PrecisionOfA)
    {
        public override string ToString() => Name;
    }

    private static readonly Case[] All = SklearnFixture.Read<Case>("metrics.json");

    public static TheoryData<string> Names => [.. All.Select(c => c.Name)];

    private static Case Named(string name) => All.Single(c => c.Name == name);

    [Theory, MemberData(nameof(Names))]
    public void RocAuc_SklearnCase_Agrees(string name)
    {
        var c = Named(name);
        Assert.Equal(c.RocAuc, RankingQuality.RocAuc(c.Predictions, c.Labels), Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void AveragePrecision_SklearnCase_Agrees(string name)
    {
        var c = Named(name);
        Assert.Equal(c.AveragePrecision, RankingQuality.AveragePrecision(c.Predictions, c.Labels), Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void LogLoss_SklearnCase_Agrees(string name)
    {
        var c = Named(name);
        Assert.Equal(c.LogLoss, ProbabilityLoss.LogLoss(c.Predictions, c.Labels), Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void Brier_SklearnCase_Agrees(string name)
    {
        var c = Named(name);
        Assert.Equal(c.Brier, ProbabilityLoss.Brier(c.Predictions, c.Labels), Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void Reliability_SklearnCase_SameBinsAndError(string name)
    {
        var c = Named(name);
        Assert.Equal(c.BinLeads, CalibrationError.Reliability(c.Predictions, c.Labels).Select(b => b.Leads));
        Assert.Equal(c.CalibrationError, CalibrationError.Expected(c.Predictions, c.Labels), Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void ConfusionAt_SklearnCase_Agrees(string name)
    {
        var c = Named(name);
        for (var i = 0; i < c.Thresholds.Length; i++)
        {
            var confusion = Decisions.ConfusionAt(c.Predictions, c.Labels, c.Thresholds[i]);
            Assert.Equal(c.Precision[i], confusion.Precision, Tolerance);
            Assert.Equal(c.Recall[i], confusion.Recall, Tolerance);
            Assert.Equal(c.F1[i], confusion.F1, Tolerance);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void F1OptimalThreshold_SklearnCase_BestF1AndReachedThere(string name)
    {
        var c = Named(name);
        var choice = Decisions.F1OptimalThreshold(c.Predictions, c.Labels);
        Assert.Equal(c.BestF1, choice.F1, Tolerance);
        Assert.Equal(choice.F1, Decisions.ConfusionAt(c.Predictions, c.Labels, choice.Threshold).F1, Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void Spread_NumpyCase_Agrees(string name)
    {
        var c = Named(name);
        Assert.Equal(c.Pearson ?? double.NaN, ScoreSpread.Pearson(c.Predictions, c.Labels), Tolerance);
        Assert.Equal(c.StandardDeviation, ScoreSpread.StandardDeviation(c.Predictions), Tolerance);
    }

    [Theory, MemberData(nameof(Names))]
    public void GradeQuality_NumpyCase_Agrees(string name)
    {
        var c = Named(name);
        var points = c.Predictions.Select(p => Math.Round(100 * p, 1)).ToArray();
        var a = GradeQuality.Of(points, c.Labels);
        Assert.Equal(c.ShareOfA, a.Share, Tolerance);
        Assert.Equal(c.PrecisionOfA ?? double.NaN, a.Precision, Tolerance);
    }
}
