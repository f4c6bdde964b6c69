using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Bundles;

/// <summary>How one feature was distributed in training: what drift is measured against.</summary>
/// <param name="Feature">Name.</param>
/// <param name="MissingShare">Share of rows without a value, 0 to 1.</param>
/// <param name="Quantiles">Of numbers: 21 quantiles, 0 % to 100 % by 5; null for levels.</param>
/// <param name="LevelShares">Of levels that many rows have: shares among the rows with a value, the 100 most frequent; null for numbers.</param>
public sealed record ReferenceDistribution(string Feature, double MissingShare, double[]? Quantiles, Dictionary<string, double>? LevelShares)
{
    /// <summary>The same rows counted in cells, which drift is tested with; null in bundles of format 2.</summary>
    public FeatureCells? Cells { get; init; }

    private const int QuantileSteps = 20;
    private const int MaxLevels = 100;

    /// <summary>The distributions of all features over the given rows.</summary>
    /// <param name="set">The rows' set.</param>
    /// <param name="rows">Positions in it.</param>
    /// <param name="fewest">Rows of a level before it is named: what few have tells who they are, and a bundle travels.</param>
    public static ReferenceDistribution[] Of(TrainingSet set, int[] rows, int fewest)
    {
        var features = set.Profile.Features;
        return [.. features.Select((f, i) => Of(f, Array.ConvertAll(rows, r => set.Row(r)[i]), fewest))];
    }

    private static ReferenceDistribution Of(FeatureDefinition feature, FeatureValue[] column, int fewest)
    {
        var known = column.Where(v => !v.IsMissing).ToArray();
        var missing = column.Length == 0 ? 1 : 1 - (known.Length / (double)column.Length);
        if (feature.Kind == FeatureKind.Categorical)
        {
            var shares = known.GroupBy(v => v.Level!, StringComparer.Ordinal).Where(g => g.Count() >= fewest).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal)
                .Take(MaxLevels).ToDictionary(g => g.Key, g => g.Count() / (double)known.Length);
            return new ReferenceDistribution(feature.Name, missing, null, shares) { Cells = FeatureCells.OfLevels(column.Select(v => v.Level), fewest) };
        }

        var numbers = Array.ConvertAll(known, v => v.Number);
        Array.Sort(numbers);
        double[] quantiles = numbers.Length == 0 ? [] : [.. Enumerable.Range(0, QuantileSteps + 1).Select(q => numbers[(int)Math.Round(q * (numbers.Length - 1) / (double)QuantileSteps)])];
        return new ReferenceDistribution(feature.Name, missing, quantiles, null) { Cells = FeatureCells.OfNumbers(column.Select(v => v.Number)) };
    }
}
