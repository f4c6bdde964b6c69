using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

/// <summary>Chances of being worked, weights from them, and what the check says to do.</summary>
public sealed class EffortTests
{
    private const int Leads = 20_000;

    /// <summary>A team that works the upper share of the scores, and of the others a few.</summary>
    private static (double[] Scores, long[] Moments, bool[] Worked, float[] Labels, double[] Chance) Team(int seed, double upper, double others, double withoutWork)
    {
        var random = new Random(seed);
        double[] scores = [.. Enumerable.Range(0, Leads).Select(_ => 0.02 + (0.9 * random.NextDouble()))];
        double[] chance = [.. scores.Select(s => s > 0.92 - (0.9 * upper) ? 0.9 : others)];
        bool[] worked = [.. chance.Select(c => random.NextDouble() < c)];
        float[] labels = [.. scores.Select((s, i) => random.NextDouble() < s * (worked[i] ? 1 : withoutWork) ? 1f : 0f)];
        return (scores, [.. Enumerable.Range(0, Leads).Select(i => i * 3_600_000L)], worked, labels, chance);
    }

    private static EffortCheck Check((double[] Scores, long[] Moments, bool[] Worked, float[] Labels, double[] Chance) team) =>
        EffortCheck.Of(team.Scores, team.Worked, team.Labels, ContactPropensity.Estimate(team.Scores, team.Moments, team.Worked, 1));

    [Fact]
    public void Estimate_TeamCallsFromTheTop_FindsTheChances()
    {
        var team = Team(1, 0.3, 0.1, 0);
        var chances = ContactPropensity.Estimate(team.Scores, team.Moments, team.Worked, 1)!;
        // Where the border lies between two ranks, nobody can tell to the lead; away from it each chance is right.
        Assert.InRange(chances.Where((_, i) => team.Scores[i] > 0.75).Average(), 0.86, 0.94);
        Assert.InRange(chances.Where((_, i) => team.Scores[i] < 0.55).Average(), 0.08, 0.13);
        double[] low = [.. chances.Where((_, i) => team.Scores[i] < 0.5)];
        Assert.InRange(low.Count(c => c is > 0.05 and < 0.2), (int)(0.98 * low.Length), low.Length);
    }

    [Fact]
    public void Estimate_TooFewOfAKind_IsNotTold() =>
        Assert.Null(ContactPropensity.Estimate([.. Enumerable.Repeat(0.5, 100)], new long[100], [.. Enumerable.Range(0, 100).Select(i => i < 19)], 1));

    [Fact]
    public void Of_WorkedAndNot_StandForThoseLikeThem()
    {
        var weights = EffortWeights.Of([true, true, false, null, true], [0.5, 0.25, 0.5, 0, 0.001]);
        // 2, 4 and, clipped at 0.05, 20: scaled to average 1.
        Assert.Equal([2 * 3 / 26f, 4 * 3 / 26f, 0, 1, 20 * 3 / 26f], weights);
    }

    [Fact]
    public void Weights_OfTheTeam_GiveTheRateOfAll()
    {
        var team = Team(2, 0.3, 0.1, 0);
        var weights = EffortWeights.Of([.. team.Worked.Select(w => (bool?)w)], ContactPropensity.Estimate(team.Scores, team.Moments, team.Worked, 1)!);
        double all = team.Scores.Average(), naive = team.Labels.Average();
        var corrected = weights.Zip(team.Labels, (w, y) => (double)w * y).Sum() / weights.Sum(w => (double)w);
        Assert.True(naive < all - 0.15, $"{naive} against {all}");
        Assert.InRange(corrected, all - 0.04, all + 0.04);
    }

    [Theory]
    [InlineData(0.3, 0.15, 0.0, EffortVerdict.Correct)]
    [InlineData(0.3, 0.0, 0.0, EffortVerdict.Explore)]
    [InlineData(0.3, 0.15, 1.0, EffortVerdict.Fine)]
    [InlineData(0.0, 0.3, 0.0, EffortVerdict.Fine)]
    public void Check_Team_SaysWhatToDo(double upper, double others, double withoutWork, EffortVerdict expected)
    {
        var check = Check(Team(3, upper, others, withoutWork));
        Assert.True(check.Verdict == expected, check.ToString());
        Assert.False(string.IsNullOrEmpty(check.Advice));
    }

    [Fact]
    public void Check_NoContacts_SaysHowToRecordThem()
    {
        var check = EffortCheck.Of([0.1, 0.9], [false, false], [0, 1], null);
        Assert.Equal(EffortVerdict.Unknown, check.Verdict);
        Assert.Contains("/actions", check.Advice);
    }
}
