using LeadScoring.Ml.Ensemble;

namespace LeadScoring.Ml.Tests.Ensemble;

public sealed class GradeScaleTests
{
    [Theory]
    [InlineData(99.9, 'A')]
    [InlineData(85.0, 'A')]
    [InlineData(84.9, 'B')]
    [InlineData(70.0, 'B')]
    [InlineData(69.9, 'C')]
    [InlineData(50.0, 'C')]
    [InlineData(49.9, 'D')]
    [InlineData(0.1, 'D')]
    public void Of_Boundaries_HaveNoGaps(double points, char expected) => Assert.Equal(expected, GradeScale.Default.Of(points));

    [Theory]
    [InlineData(0.84949, 84.9, 'B')]
    [InlineData(0.84951, 85.0, 'A')]
    [InlineData(0.69949, 69.9, 'C')]
    [InlineData(0.69951, 70.0, 'B')]
    [InlineData(0.49951, 50.0, 'C')]
    public void Of_RoundedScore_DecidesAndNotTheRawOne(double probability, double points, char grade)
    {
        Assert.Equal(points, new LeadScore(probability, 0.5).Points);
        Assert.Equal(grade, GradeScale.Default.Of(new LeadScore(probability, 0.5).Points));
    }

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(1e-9, 0.1)]
    [InlineData(0.0004, 0.1)]
    [InlineData(0.5, 50)]
    [InlineData(0.9996, 99.9)]
    [InlineData(1, 99.9)]
    public void Points_Extremes_AreNeverAFalse0Or100(double probability, double expected) => Assert.Equal(expected, new LeadScore(probability, 0.5).Points);

    [Fact]
    public void Points_AnyProbability_HaveOneDecimalAndRise()
    {
        var last = 0.0;
        for (var i = 0; i <= 20_000; i++)
        {
            var points = new LeadScore(i / 20_000.0, 0.5).Points;
            Assert.InRange(points, Math.Max(last, 0.1), 99.9);
            Assert.Equal(Math.Round(points, 1), points);
            last = points;
        }
    }

    [Theory]
    [InlineData(70, 85, 50)]
    [InlineData(85, 70, 70)]
    [InlineData(101, 70, 50)]
    [InlineData(85, 70, -1)]
    [InlineData(double.NaN, 70, 50)]
    public void Validate_NotDescending_NamesTheBounds(double a, double b, double c) =>
        Assert.Contains("grades", Assert.Throws<ArgumentException>(new GradeScale { A = a, B = b, C = c }.Validate).Message);
}
