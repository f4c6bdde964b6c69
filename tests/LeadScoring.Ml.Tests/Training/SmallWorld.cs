using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Training;

/// <summary>Synthetic leads with a known chance of converting, and settings small enough for tests.</summary>
internal static class SmallWorld
{
    internal const string Yaml = """
        name: small
        features:
          - name: visits
          - name: rate
          - { name: city, kind: categorical }
          - { name: agent, kind: categorical }
          - { name: consent, kind: boolean }
          - name: constant
          - name: empty
        """;

    internal static readonly FeatureProfile Profile = FeatureProfile.Parse(Yaml);

    internal static readonly TrainingSettings Quick = new()
    {
        // Low enough that the world's widest column is target encoded.
        Encoding = new EncodingSettings { MaxOneHotLevels = 20 },
        GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 20, MaxDepth = 3 },
        RandomForest = XGBoostParameters.RandomForest with { ParallelTrees = 20, MaxDepth = 6 },
        Network = new NetworkParameters { MaxEpochs = 8, HiddenLayers = [16, 8] },
        Folds = 3,
    };

    /// <summary>One training and its bundle, shared by the tests that only read.</summary>
    internal static readonly Lazy<(TrainingSet Set, TrainingResult Result, byte[] Bundle)> Trained = new(() =>
    {
        var set = Leads(1_600, 1);
        var result = EnsembleTrainer.Train(set, Quick, null, default);
        return (set, result, ModelBundle.Write(set, result, Quick, 1_700_000_000_000));
    });

    internal static TrainingSet Leads(int rows, int seed) => Leads(rows, seed, out _);

    /// <summary>A constant column, an empty one, 4 cities, 40 agents, one value in ten missing.</summary>
    internal static TrainingSet Leads(int rows, int seed, out double[] truth)
    {
        var random = new Random(seed);
        var width = Profile.Features.Count;
        var values = new FeatureValue[rows * width];
        var labels = new float[rows];
        truth = new double[rows];
        for (var r = 0; r < rows; r++)
        {
            double visits = random.Next(12), rate = random.NextDouble();
            int city = random.Next(4), agent = random.Next(40), consent = random.Next(2);
            truth[r] = 1 / (1 + Math.Exp(-(-3.4 + (0.35 * visits) + (1.5 * rate) + (city == 2 ? 1.2 : 0) + (agent % 5 == 0 ? -1 : 0) + (0.5 * consent))));
            labels[r] = random.NextDouble() < truth[r] ? 1 : 0;
            FeatureValue[] row =
            [
                new(visits, null), new(rate, null), new(double.NaN, $"city{city}"), new(double.NaN, $"agent{agent}"), new(consent, null), new(7, null), FeatureValue.Missing,
            ];
            for (var f = 0; f < width; f++) values[(r * width) + f] = random.Next(10) == 0 && f != 5 ? FeatureValue.Missing : row[f];
        }

        return new TrainingSet(Profile, values, labels, [.. Enumerable.Range(1, rows).Select(r => (long)r)]);
    }

    /// <summary>The set with one more feature, made from the label of each row.</summary>
    internal static TrainingSet With(TrainingSet set, string feature, string kind, Func<int, FeatureValue> value)
    {
        var profile = FeatureProfile.Parse($"{Yaml}\n  - {{ name: {feature}, kind: {kind} }}\n");
        var width = set.Profile.Features.Count;
        var values = new FeatureValue[set.Rows * (width + 1)];
        for (var r = 0; r < set.Rows; r++)
        {
            set.Row(r).CopyTo(values.AsSpan(r * (width + 1)));
            values[(r * (width + 1)) + width] = value(r);
        }

        return new TrainingSet(profile, values, set.Labels, set.AsOfMs);
    }
}
