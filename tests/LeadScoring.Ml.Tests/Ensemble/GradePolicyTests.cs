using LeadScoring.Ml.Ensemble;

namespace LeadScoring.Ml.Tests.Ensemble;

public sealed class GradePolicyTests
{
    [Fact]
    public void ScaleOver_Fixed_IsAsGiven() => Assert.Equal(GradeScale.Default, GradePolicy.Default.ScaleOver([99, 98, 97]));

    [Fact]
    public void ScaleOver_NoOpenLead_IsTheFixedScale() => Assert.Equal(GradeScale.Default, new GradePolicy { Mode = GradeMode.Capacity }.ScaleOver([]));

    [Fact]
    public void ScaleOver_Percentile_GivesTheShares()
    {
        var scores = Enumerable.Range(1, 1000).Select(i => i / 10.0).ToArray();
        var scale = new GradePolicy { Mode = GradeMode.Percentile }.ScaleOver(scores);
        Assert.Equal((100, 200, 300, 400), Counts(scale, scores));
    }

    [Fact]
    public void ScaleOver_CapacityWithTies_NeverExceedsTheRepsTime()
    {
        // Ten leads alike have no way to be told apart: with room for five none of them is an A.
        double[] scores = [.. Enumerable.Repeat(90.0, 10), .. Enumerable.Repeat(50.0, 10)];
        var scale = new GradePolicy { Mode = GradeMode.Capacity, Counts = [5, 5, 0] }.ScaleOver(scores);
        Assert.Equal((0, 10, 0, 10), Counts(scale, scores));
    }

    [Fact]
    public void ScaleOver_AnyLeads_HoldsTheLimitsAndWastesNoPlaceThatCouldBeFilled()
    {
        var random = new Random(5);
        for (var round = 0; round < 2_000; round++)
        {
            double[] scores = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(1, random.Next(2, 1_000)) / 10.0)];
            int[] counts = [random.Next(30), random.Next(30), random.Next(30)];
            var scale = new GradePolicy { Mode = GradeMode.Capacity, Counts = counts }.ScaleOver(scores);
            var (a, b, c, _) = Counts(scale, scores);
            int[] cumulative = [a, a + b, a + b + c];
            var limit = 0;
            for (var g = 0; g < 3; g++)
            {
                limit += counts[g];
                Assert.True(cumulative[g] <= limit);
                // The next lead in line would not fit, or brings others of its score along.
                var rest = scores.OrderDescending().Skip(cumulative[g]).ToArray();
                Assert.True(rest.Length == 0 || cumulative[g] + rest.Count(s => s == rest[0]) > limit);
            }
        }
    }

    [Theory]
    [InlineData(85.0, 'B', 2, 'B')]
    [InlineData(86.9, 'B', 2, 'B')]
    [InlineData(87.0, 'B', 2, 'A')]
    [InlineData(83.0, 'A', 2, 'A')]
    [InlineData(82.9, 'A', 2, 'B')]
    [InlineData(30.0, 'A', 2, 'D')]
    [InlineData(99.0, 'D', 2, 'A')]
    [InlineData(85.0, 'B', 0, 'A')]
    public void Of_WithAPreviousGrade_MovesOnlyBeyondTheMargin(double points, char previous, double margin, char expected) =>
        Assert.Equal(expected, GradeScale.Default.Of(points, previous, margin));

    [Fact]
    public void Of_ScoreSwingingAtABound_DoesNotFlap()
    {
        char? grade = null;
        var changes = 0;
        foreach (var points in Enumerable.Range(0, 100).Select(i => i % 2 == 0 ? 84.5 : 85.4))
        {
            var next = GradeScale.Default.Of(points, grade, 2);
            changes += grade is not null && next != grade ? 1 : 0;
            grade = next;
        }

        Assert.Equal(0, changes);
    }

    [Fact]
    public void Margin_Default_IsNoneForFixedBounds()
    {
        Assert.Equal(0, GradePolicy.Default.Margin);
        Assert.Equal(GradePolicy.MovingMargin, new GradePolicy { Mode = GradeMode.Percentile }.Margin);
        Assert.Equal(5, new GradePolicy { Hysteresis = 5 }.Margin);
    }

    public static TheoryData<GradePolicy, string> Faults { get; } = new()
    {
        { new GradePolicy { Bounds = new GradeScale { A = 10 } }, "grades" },
        { new GradePolicy { Shares = [0.5, 0.5, 0.5] }, "shares" },
        { new GradePolicy { Shares = [double.NaN, 0, 0] }, "shares" },
        { new GradePolicy { Counts = [1, -1, 0] }, "counts" },
        { new GradePolicy { Counts = [1] }, "counts" },
        { new GradePolicy { Hysteresis = double.NaN }, "hysteresis" },
        { new GradePolicy { Hysteresis = 21 }, "hysteresis" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Validate_OutOfRange_NamesThePart(GradePolicy policy, string part) => Assert.Contains(part, Assert.Throws<ArgumentException>(policy.Validate).Message);

    private static (int A, int B, int C, int D) Counts(GradeScale scale, double[] scores) =>
        (scores.Count(s => scale.Of(s) == 'A'), scores.Count(s => scale.Of(s) == 'B'), scores.Count(s => scale.Of(s) == 'C'), scores.Count(s => scale.Of(s) == 'D'));
}
