using LeadScoring.Ml.Network;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>Parameter sets for gradient boosting, as points of the unit cube, one axis a parameter.</summary>
internal static class BoostingDesign
{
    /// <summary>Axes: depth, learning rate, child weight, row share, column share, L2, L1, least gain, bins.</summary>
    internal const int Axes = 9;

    /// <summary>Most rounds that a search considers.</summary>
    internal const int MostRounds = 2_000;

    /// <summary>Near the parameters of the specification: where neighbours are looked for when nothing beats it.</summary>
    internal static readonly double[] SpecPoint = [0.6, 0.69, 0.15, 0.9, 0.9, 0.26, 0, 0, 0.9];

    /// <summary>A Latin hypercube: each axis is cut in as many slices as there are points, and each slice has one.</summary>
    internal static double[][] Spread(int points, SeededRandom random)
    {
        var design = Enumerable.Range(0, points).Select(_ => new double[Axes]).ToArray();
        var slices = Enumerable.Range(0, points).ToArray();
        for (var axis = 0; axis < Axes; axis++)
        {
            random.Shuffle(slices);
            for (var i = 0; i < points; i++) design[i][axis] = (slices[i] + Unit(random)) / points;
        }

        return design;
    }

    /// <summary>Points around one: each axis moves by up to 0.2.</summary>
    internal static double[][] Around(double[] point, int points, SeededRandom random) =>
        [.. Enumerable.Range(0, points).Select(_ => Array.ConvertAll(point, x => Math.Clamp(x + (0.4 * (Unit(random) - 0.5)), 0, 0.999)))];

    /// <summary>The parameters at a point; what is no axis stays as given.</summary>
    internal static XGBoostParameters At(double[] point, XGBoostParameters given) => given with
    {
        Rounds = MostRounds,
        MaxDepth = 2 + (int)(point[0] * 7),
        LearningRate = Between(0.04, 0.15, point[1]),
        MinChildWeight = Between(0.5, 50, point[2]),
        Subsample = 0.5 + (0.5 * point[3]),
        ColumnSampleByNode = Between(0.1, 1, point[4]),
        Lambda = Between(0.3, 30, point[5]),
        Alpha = OrZero(point[6]),
        Gamma = OrZero(point[7]),
        MaxBin = point[8] < 0.5 ? 64 : 256,
    };

    // Evenly by ratio, three digits: what stands in a manifest should be readable.
    private static double Between(double low, double high, double share) => Rounded(low * Math.Pow(high / low, share));

    private static double OrZero(double share) => share < 0.4 ? 0 : Between(0.05, 5, (share - 0.4) / 0.6);

    private static double Rounded(double value)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(value)) - 2);
        return Math.Round(Math.Round(value / unit) * unit, 6);
    }

    private static double Unit(SeededRandom random) => random.Next(1 << 24) / (double)(1 << 24);
}
