using LeadScoring.Ml.Experiments;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Experiments;

/// <summary>The rule, lead by lead: as often wrong as promised, and as soon right as it says.</summary>
[Trait("Category", "Slow")]
public sealed class ExperimentReadingTests(ITestOutputHelper output)
{
    private const int Runs = 2_000;
    private static readonly ExperimentRule Conversion = new() { Metric = ExperimentMetric.Conversion };

    private static TestedLead[] Split(Random random, int leads, double share, double champion, double challenger) =>
        [.. Enumerable.Range(0, leads).Select(i => random.NextDouble() < share ? new TestedLead($"{i}", true, random.NextDouble() < challenger, double.NaN, 0.5) : new TestedLead($"{i}", false, random.NextDouble() < champion, 0.5, double.NaN))];

    /// <summary>Two models that are equally far from the truth, each in its own way.</summary>
    private static TestedLead[] Shadow(Random random, int leads, double champion, double challenger)
    {
        var result = new TestedLead[leads];
        for (var i = 0; i < leads; i++)
        {
            var truth = -1.5 + (1.2 * Normal(random));
            result[i] = new TestedLead($"{i}", false, random.NextDouble() < Sigmoid(truth), Sigmoid(truth + (champion * Normal(random))), Sigmoid(truth + (challenger * Normal(random))));
        }

        return result;
    }

    /// <summary>Verdicts of the rule, which looks after every lead.</summary>
    private int[] Verdicts(string name, ExperimentKind kind, ExperimentRule rule, double share, Func<Random, TestedLead[]> world, int runs, out int[] after)
    {
        var (counts, leads) = (new int[4], new List<int>());
        for (var run = 0; run < runs; run++)
        {
            var reading = ExperimentReading.VerdictOf(kind, rule, share, world(new Random(run)));
            counts[(int)reading.Verdict]++;
            if (reading.After is { } at) leads.Add(at);
        }

        after = [.. leads.Order()];
        output.WriteLine($"{name}: open {counts[0]}, promote {counts[1]}, keep {counts[2]}, harm {counts[3]} of {runs}; leads at the verdict, median {(leads.Count == 0 ? 0 : after[after.Length / 2])}");
        return counts;
    }

    [Theory]
    [InlineData(0.5, 0.1)]
    [InlineData(0.2, 0.1)]
    [InlineData(0.5, 0.4)]
    public void Of_EqualArms_AtMostFivePercentAreEverDecided(double share, double rate)
    {
        var counts = Verdicts($"A/A split {share}", ExperimentKind.Split, Conversion with { Guardrail = 0 }, share, r => Split(r, 2_000, share, rate, rate), Runs, out _);
        Assert.InRange(Runs - counts[0], 0, Runs / 20);
    }

    [Fact]
    public void Of_EqualModelsInShadow_AtMostFivePercentAreEverDecided()
    {
        var loss = new ExperimentRule { Metric = ExperimentMetric.LogLoss };
        Assert.InRange(Runs - Verdicts("A/A shadow", ExperimentKind.Shadow, loss, 0.5, r => Shadow(r, 1_000, 0.5, 0.5), Runs, out _)[0], 0, Runs / 20);
        var lift = new ExperimentRule { Metric = ExperimentMetric.Lift };
        Assert.InRange(Runs - Verdicts("A/A shadow lift", ExperimentKind.Shadow, lift, 0.5, r => Shadow(r, 1_000, 0.5, 0.5), Runs, out _)[0], 0, Runs / 20);
    }

    [Fact]
    public void Of_EqualModelsInASplitByLiftOrInterleaved_AtMostFivePercentAreEverDecided()
    {
        var lift = new ExperimentRule { Metric = ExperimentMetric.Lift };
        TestedLead[] Arms(Random r) => [.. Shadow(r, 1_000, 0.5, 0.5).Select(l => l with { IsChallenger = r.NextDouble() < 0.3 })];
        Assert.InRange(Runs - Verdicts("A/A split lift", ExperimentKind.Split, lift, 0.3, Arms, Runs, out _)[0], 0, Runs / 20);
        Assert.InRange(Runs - Verdicts("A/A interleaved", ExperimentKind.Interleaved, Conversion, 0.5, r => Split(r, 1_000, 0.5, 0.3, 0.3), Runs, out _)[0], 0, Runs / 20);
    }

    /// <summary>A fixed split that finds 10 % against 15 % with a power of 80 % takes 1,366 leads (two-sided 5 %: 2 (1.96 + 0.84)² (0.1 x 0.9 + 0.15 x 0.85) / 2 / 0.05² an arm ...) and cannot stop before.</summary>
    [Fact]
    public void Of_BetterChallenger_IsPromotedAndLargeEffectsSaveLeads()
    {
        var (fixedLeads, fixedLarge) = (FixedSplit(0.10, 0.15), FixedSplit(0.10, 0.20));
        var counts = Verdicts("10 % against 15 %", ExperimentKind.Split, Conversion, 0.5, r => Split(r, 2 * fixedLeads, 0.5, 0.10, 0.15), 500, out var after);
        output.WriteLine($"a fixed split needs {fixedLeads}; of decided: a quarter by {after[after.Length / 4]}, half by {after[after.Length / 2]}");
        Assert.InRange(counts[(int)ExperimentVerdict.Promote], 400, 500);
        Assert.InRange(counts[(int)ExperimentVerdict.Keep] + counts[(int)ExperimentVerdict.Harm], 0, 5);
        // Planned for 15 % and it is 20 %: the fixed split goes on to its end, this one does not.
        counts = Verdicts("10 % against 20 %", ExperimentKind.Split, Conversion, 0.5, r => Split(r, fixedLeads, 0.5, 0.10, 0.20), 500, out var soon);
        output.WriteLine($"a fixed split planned for 15 % needs {fixedLeads} (for 20 %: {fixedLarge}); half by {soon[soon.Length / 2]}");
        Assert.InRange(counts[(int)ExperimentVerdict.Promote], 475, 500);
        Assert.InRange(soon[soon.Length / 2], 1, fixedLeads / 2);
    }

    [Fact]
    public void Of_WorseChallenger_IsStoppedForHarmOrKeptOut()
    {
        var counts = Verdicts("15 % against 5 %", ExperimentKind.Split, Conversion, 0.5, r => Split(r, 2_000, 0.5, 0.15, 0.05), 500, out _);
        Assert.InRange(counts[(int)ExperimentVerdict.Keep] + counts[(int)ExperimentVerdict.Harm], 490, 500);
        Assert.Equal(0, counts[(int)ExperimentVerdict.Promote]);
        // With a margin as wide as the guardrail nothing keeps the champion before harm is shown.
        var tolerant = Conversion with { Margin = 0.05 };
        counts = Verdicts("15 % against 5 %, margin 0.05", ExperimentKind.Split, tolerant, 0.5, r => Split(r, 2_000, 0.5, 0.15, 0.05), 500, out _);
        Assert.InRange(counts[(int)ExperimentVerdict.Harm], 450, 500);
    }

    /// <summary>On the same leads a few hundred say what arms do not say in thousands.</summary>
    [Fact]
    public void Of_ShadowOfABetterModel_NeedsFewLeads()
    {
        var loss = new ExperimentRule { Metric = ExperimentMetric.LogLoss };
        var counts = Verdicts("shadow, noise 1 against 0.3", ExperimentKind.Shadow, loss, 0.5, r => Shadow(r, 1_500, 1, 0.3), 300, out var after);
        Assert.InRange(counts[(int)ExperimentVerdict.Promote], 285, 300);
        Assert.InRange(after[after.Length / 2], 1, 700);
        counts = Verdicts("shadow, not worse by 0.02", ExperimentKind.Shadow, loss with { Margin = 0.02 }, 0.5, r => Shadow(r, 2_000, 0.3, 0.3), 300, out _);
        Assert.InRange(counts[(int)ExperimentVerdict.Promote], 270, 300);
        counts = Verdicts("shadow, worse by more than the margin", ExperimentKind.Shadow, loss with { Margin = 0.01 }, 0.5, r => Shadow(r, 1_500, 0.4, 0.9), 300, out _);
        Assert.InRange(counts[(int)ExperimentVerdict.Promote], 0, 7);
    }

    [Fact]
    public void Of_MoreLeadsThanTheRuleAllows_AreNotCounted()
    {
        var leads = Split(new Random(1), 400, 0.5, 0.1, 0.1);
        var reading = ExperimentReading.Of(ExperimentKind.Split, Conversion with { MostLeads = 100 }, 0.5, leads);
        Assert.Equal((100, leads.Take(100).Count(l => l.Converted)), (reading.Leads, reading.Converted));
        Assert.Equal(ExperimentVerdict.Open, reading.Verdict);
        Assert.True(reading.Interval.Low < reading.Gain && reading.Gain < reading.Interval.High);
    }

    /// <summary>The first verdict stands: what comes after it cannot take it back.</summary>
    [Fact]
    public void Of_VerdictThenTheOpposite_IsTheFirst()
    {
        TestedLead[] leads = [.. Split(new Random(2), 400, 0.5, 0.05, 0.6), .. Split(new Random(3), 4_000, 0.5, 0.6, 0.05)];
        var reading = ExperimentReading.Of(ExperimentKind.Split, Conversion, 0.5, leads);
        Assert.Equal(ExperimentVerdict.Promote, reading.Verdict);
        Assert.InRange(reading.DecidedAfter!.Value, 1, 400);
        Assert.True(reading.Gain < 0);
    }

    [Theory]
    [InlineData(ExperimentKind.Shadow, ExperimentMetric.Conversion, "metric")]
    [InlineData(ExperimentKind.Split, ExperimentMetric.LogLoss, "metric")]
    [InlineData(ExperimentKind.Interleaved, ExperimentMetric.Lift, "metric")]
    [InlineData(ExperimentKind.Split, ExperimentMetric.Conversion, null)]
    public void Fault_MetricOfAnotherKind_IsNamed(ExperimentKind kind, ExperimentMetric metric, string? member) => Assert.Equal(member, new ExperimentRule { Metric = metric }.Fault(kind)?.Member);

    [Fact]
    public void Fault_OutOfRange_IsNamed()
    {
        Assert.Equal("alpha", (Conversion with { Alpha = 0.3 }).Fault(ExperimentKind.Split)?.Member);
        Assert.Equal("margin", (Conversion with { Margin = double.NaN }).Fault(ExperimentKind.Split)?.Member);
        Assert.Equal("effect", (Conversion with { Effect = 0 }).Fault(ExperimentKind.Split)?.Member);
    }

    /// <summary>Leads of both arms for a power of 80 % at a two-sided level of 5 %, by the usual formula.</summary>
    private static int FixedSplit(double a, double b)
    {
        var mean = (a + b) / 2;
        var root = (1.959964 * Math.Sqrt(2 * mean * (1 - mean))) + (0.841621 * Math.Sqrt((a * (1 - a)) + (b * (1 - b))));
        return 2 * (int)Math.Ceiling(root * root / ((b - a) * (b - a)));
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
