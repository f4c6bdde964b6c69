using LeadScoring.Demo;
using LeadScoring.Ml.Drift;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Drift;

/// <summary>How soon a change of how outcomes follow is found in the demo world, by final outcomes of decisions since then, where scores are the truth of before. Seeds are fixed.</summary>
[Trait("Category", "Slow")]
public sealed class OutcomeChangeTests(ITestOutputHelper output)
{
    private const long NowMs = 1_790_000_000_000;
    private const int Pool = 10_000;
    private const int MostRuns = 20;
    private static readonly DemoWorldSettings Before = DemoWorldSettings.Default(NowMs) with { Seed = 5 };
    private static readonly Lazy<(double Probability, bool Converted)[]> Concept = new(() => Leads(Before with { ConceptDrift = new DemoDrift(0, 1) }));
    private static readonly Lazy<(double Probability, bool Converted)[]> BaseRate = new(() => Leads(Before with { BaseRateShift = new DemoDrift(0, -1.2) }));

    private static (double Probability, bool Converted)[] Leads(DemoWorldSettings settings)
    {
        var (before, after) = (new DemoWorld(Before), new DemoWorld(settings));
        var leads = new (double, bool)[Pool];
        Parallel.For(0, Pool, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            var lead = after.LeadDecidedAt(i, NowMs);
            leads[i] = (before.TrueProbability(lead.Attributes, lead.Deliveries, lead.CreatedAtMs, lead.DecisionMs), lead.Outcome!.Converted);
        });
        return leads;
    }

    /// <summary>The bounds are what is promised in docs/monitoring.md; more is found.</summary>
    [Theory]
    [InlineData(true, 50, 0.9, 1)]
    [InlineData(true, 100, 1, 1)]
    [InlineData(true, 500, 1, 1)]
    [InlineData(false, 50, 0, 0.2)]
    [InlineData(false, 100, 0.1, 0.8)]
    [InlineData(false, 500, 1, 1)]
    public void Watch_PlantedChange_IsFound(bool isConcept, int weekly, double inTwoWeeks, double inFour)
    {
        var leads = (isConcept ? Concept : BaseRate).Value;
        // Of 500 a week two weeks are looked at, so that there are enough runs.
        var weeks = weekly < 500 ? 4 : 2;
        var runs = Math.Min(MostRuns, Pool / (weeks * weekly));
        var bound = new FalseAlarmBudget(0.2).RowsBetweenAlarms(WatchedKind.Concept, weekly / 7.0);
        var foundAfter = new int[runs];
        for (var run = 0; run < runs; run++)
        {
            var watch = new LossChange(Before.BaseRate, bound);
            foreach (var (probability, converted) in leads.AsSpan(run * weeks * weekly, weeks * weekly))
            {
                watch.Add(probability, converted);
                if (watch.IsAlarm) break;
            }

            foundAfter[run] = watch.IsAlarm ? watch.Rows : int.MaxValue;
        }

        double Found(int within) => foundAfter.Count(rows => rows <= within * weekly) / (double)runs;
        output.WriteLine(FormattableString.Invariant($"{(isConcept ? "rule" : "base rate")}, {weekly} leads a week: after one week {100 * Found(1):0} %, two {100 * Found(2):0} %, four {100 * Found(4):0} %, of {runs} runs; median {foundAfter.Order().ElementAt(runs / 2)} outcomes"));
        Assert.InRange(Found(2), inTwoWeeks, 1);
        Assert.InRange(Found(4), inFour, 1);
    }
}
