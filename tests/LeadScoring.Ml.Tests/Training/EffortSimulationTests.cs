using System.Globalization;
using LeadScoring.Demo;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Rules;
using LeadScoring.Ml.Tests.Explanation;
using LeadScoring.Ml.Tests.Features;
using LeadScoring.Ml.Training;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Training;

/// <summary>A team that calls by score, round after round, retrained each time on what became of the leads: the correction for effort against taking outcomes as they are.</summary>
[Trait("Category", "Slow")]
public sealed class EffortSimulationTests(ITestOutputHelper output)
{
    private const long NowMs = 1_767_225_600_000;
    private const int Rounds = 4;
    private const int LeadsARound = 900;
    private const int Judged = 1_500;
    private const double Capacity = 0.2;
    private const double Exploration = 0.05;

    // Who is called decides much in one run.
    private const int Seeds = 3;

    private static readonly Lazy<World> Demo = new(() => new World());

    private enum Arm
    {
        /// <summary>Everybody is worked: what there is to know. Nothing is left to chance.</summary>
        Unbiased,

        /// <summary>The best are worked, and outcomes are taken as they are.</summary>
        Naive,

        /// <summary>The best and a few others are worked, and the training corrects for it.</summary>
        Corrected,
    }

    [Fact]
    public void Retraining_CallsFollowTheScore_CorrectedKeepsTheRankingAndNaiveDoesNot()
    {
        double unbiased = Last(Arm.Unbiased, 1), naive = Last(Arm.Naive, Seeds), corrected = Last(Arm.Corrected, Seeds);
        Assert.True(corrected >= 0.9 * unbiased, $"corrected {corrected:0.000}, unbiased {unbiased:0.000}");
        Assert.True(naive < 0.9 * unbiased, $"naive {naive:0.000}, unbiased {unbiased:0.000}");
    }

    /// <summary>After the last round, the mean over seeds.</summary>
    private double Last(Arm arm, int seeds)
    {
        double[][] runs = [.. Enumerable.Range(1, seeds).Select(seed => Run(arm, seed))];
        foreach (var ranks in runs) output.WriteLine($"{arm}: Spearman to the truth after each round {string.Join(", ", ranks.Select(r => r.ToString("0.000", CultureInfo.InvariantCulture)))}");
        return runs.Average(r => r[^1]);
    }

    private static double[] Run(Arm arm, int seed)
    {
        var world = Demo.Value;
        var random = new Random(seed);
        var width = ShippedProfiles.RealEstate.Value.Features.Count;
        EnsembleModel? model = null;
        TrainingSet? whole = null;
        var (worked, labels, scores) = (new List<bool>(), new List<float>(), new List<double>());
        var results = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            var start = round * LeadsARound;
            var rank = Enumerable.Range(start, LeadsARound).Select(r => model?.Score(whole!.Row(r)).Probability ?? Rules(world.Row(r))).ToArray();
            // Rules tie many leads: of those the first come are called.
            var best = Enumerable.Range(0, LeadsARound).OrderByDescending(i => rank[i]).ThenBy(i => i).Take((int)(Capacity * LeadsARound)).ToHashSet();
            for (var i = 0; i < LeadsARound; i++)
            {
                var explored = arm == Arm.Corrected && random.NextDouble() < Exploration;
                var called = arm == Arm.Unbiased || explored || (best.Contains(i) && random.NextDouble() < 0.9);
                worked.Add(called);
                scores.Add(rank[i]);
                labels.Add(world.Converts[start + i] && called ? 1 : 0);
            }

            var rows = worked.Count;
            float[]? weights = null;
            if (arm == Arm.Corrected)
            {
                var chances = ContactPropensity.Estimate([.. scores], world.Moments[..rows], [.. worked], 1)!;
                weights = EffortWeights.Of([.. worked.Select(w => (bool?)w)], chances);
            }

            var set = new TrainingSet(ShippedProfiles.RealEstate.Value, world.Values[..(rows * width)], [.. labels], world.Moments[..rows], weights);
            model = EnsembleTrainer.Train(set, set.UsableRows, [], SmallWorld.Quick with { AllowLeaks = true }, null, default).Model;
            whole = new TrainingSet(ShippedProfiles.RealEstate.Value, world.Values, new float[world.Truth.Length]).WithFeatures(model.Profile);
            results.Add(SampledShapley.Spearman([.. world.JudgedRows.Select(r => model.Score(whole.Row(r)).Probability)], [.. world.JudgedRows.Select(r => world.Truth[r])]));
        }

        return [.. results];
    }

    private static double Rules(ReadOnlySpan<FeatureValue> values) => Math.Clamp(RuleScorer.Points(ShippedProfiles.RealEstate.Value, values) / 100, 0.001, 0.999);

    /// <summary>Leads of the demo world as of their decision.</summary>
    private sealed class World
    {
        internal World()
        {
            var profile = ShippedProfiles.RealEstate.Value;
            var world = new DemoWorld(DemoWorldSettings.Default(NowMs) with { EventsAfterDecision = false });
            var extractor = new FeatureExtractor(profile);
            var rows = (Rounds * LeadsARound) + Judged;
            var width = profile.Features.Count;
            (Values, Moments, Converts, Truth) = (new FeatureValue[rows * width], new long[rows], new bool[rows], new double[rows]);
            for (var r = 0; r < rows; r++)
            {
                var decisionMs = NowMs + (r * 600_000L);
                var lead = world.LeadDecidedAt(r, decisionMs);
                extractor.Extract(new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, decisionMs), lead.CreatedAtMs), decisionMs, Values.AsSpan(r * width, width));
                (Moments[r], Converts[r], Truth[r]) = (decisionMs, lead.Outcome!.Converted, lead.TrueProbability);
            }
        }

        internal FeatureValue[] Values { get; }

        internal long[] Moments { get; }

        internal bool[] Converts { get; }

        internal double[] Truth { get; }

        internal IEnumerable<int> JudgedRows => Enumerable.Range(Rounds * LeadsARound, Judged);

        internal ReadOnlySpan<FeatureValue> Row(int row)
        {
            var width = ShippedProfiles.RealEstate.Value.Features.Count;
            return Values.AsSpan(row * width, width);
        }
    }
}
