using System.Globalization;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Groups of people by each sensitive feature and attribute, and how the model treats them.</summary>
public static class SensitiveGroups
{
    private const int MaxLevels = 12;
    private static readonly double[] AgeBands = [25, 35, 45, 55, 65];

    /// <summary>The report on rows that the model has not seen.</summary>
    /// <param name="set">All rows with the whole profile, sensitive features included.</param>
    /// <param name="rows">Rows to report on.</param>
    /// <param name="points">Their scores.</param>
    /// <param name="used">Features of the model.</param>
    /// <param name="facts">Sensitive attributes that are no features.</param>
    /// <param name="evaluation">Threshold and smallest group.</param>
    /// <param name="settings">Encoding and seed.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static FairnessReport Report(
        TrainingSet set, int[] rows, double[] points, FeatureProfile used, RowFacts facts, EvaluationSettings evaluation, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        var seen = set.WithFeatures(used);
        var attributes = new List<AttributeFairness>();
        foreach (var (name, groups) in Groups(set, facts))
        {
            var compared = GroupComparison.Of(name, Array.ConvertAll(rows, r => groups[r]), points, labels, evaluation.FairnessThreshold, evaluation.FewestRows, settings.Seed);
            var (single, together) = compared.Groups.Count < 2 ? ([], null) : ProxyCheck.Of(seen, rows, groups, name, evaluation.FewestRows, settings, cancellationToken);
            attributes.Add(compared with { IsUsed = used.IndexOf(name) >= 0, Proxies = single, Together = together });
        }

        return new FairnessReport(evaluation.FairnessThreshold, GroupComparison.Limit, attributes, GroupComparison.Worst(attributes.Select(a => a.Verdict)));
    }

    /// <summary>The report on scores as they were given and the outcomes that came of them. Proxies are not looked for: they are a matter of the model, not of its use.</summary>
    /// <param name="set">The leads with the whole profile, sensitive features included; labels are their outcomes.</param>
    /// <param name="points">Their scores, 0 to 100. Shape (rows,).</param>
    /// <param name="sensitive">Sensitive attributes that are no features: name to a value a row, null where unknown.</param>
    /// <param name="used">Features of the model; null when rules scored.</param>
    /// <param name="threshold">Lowest score that counts as picked.</param>
    /// <param name="fewestRows">Fewest leads of a group.</param>
    /// <param name="seed">Seed.</param>
    public static FairnessReport Observed(TrainingSet set, double[] points, IReadOnlyDictionary<string, string?[]> sensitive, FeatureProfile? used, double threshold, int fewestRows, int seed)
    {
        AttributeFairness[] attributes =
        [
            .. Groups(set, new RowFacts { Sensitive = sensitive })
                .Select(g => GroupComparison.Of(g.Name, g.Groups, points, set.Labels, threshold, fewestRows, seed) with { IsUsed = used?.IndexOf(g.Name) >= 0 }),
        ];
        return new FairnessReport(threshold, GroupComparison.Limit, attributes, GroupComparison.Worst(attributes.Select(a => a.Verdict)));
    }

    /// <summary>Group of each row by each sensitive feature and attribute; null where unknown.</summary>
    internal static IEnumerable<(string Name, string?[] Groups)> Groups(TrainingSet set, RowFacts facts)
    {
        for (var f = 0; f < set.Profile.Features.Count; f++)
        {
            var feature = set.Profile.Features[f];
            if (!feature.Sensitive) continue;
            var column = Enumerable.Range(0, set.Rows).Select(r => set.Row(r)[f]).ToArray();
            yield return (feature.Name, feature.Kind == FeatureKind.Categorical ? Array.ConvertAll(column, v => v.Level) : OfNumbers(feature.Name, Array.ConvertAll(column, v => v.IsMissing ? double.NaN : v.Number)));
        }

        foreach (var (name, values) in facts.Sensitive.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            var numbers = Array.ConvertAll(values, v => NumberText.Parse(v));
            // Numbers of a few values, such as codes, are levels as they stand.
            var areNumbers = values.Zip(numbers).All(p => p.First is null || !double.IsNaN(p.Second)) && numbers.Distinct().Count() > MaxLevels;
            yield return (name, areNumbers ? OfNumbers(name, numbers) : values);
        }
    }

    /// <summary>Numbers as groups: ages in the usual bands, few values as they are, else terciles.</summary>
    internal static string?[] OfNumbers(string name, double[] numbers)
    {
        double[] known = [.. numbers.Where(double.IsFinite).Order()];
        if (known.Length == 0) return new string?[numbers.Length];
        string? Named(double x, Func<double, string> group) => double.IsFinite(x) ? group(x) : null;
        if (name.Split('_', ' ', '-').Contains("age", StringComparer.OrdinalIgnoreCase) && known[0] >= 0 && known[^1] <= 130)
        {
            var names = BandText.All(AgeBands);
            return Array.ConvertAll(numbers, x => Named(x, age => names[BandText.IndexOf(AgeBands, age)]));
        }

        if (known.Distinct().Count() <= MaxLevels) return Array.ConvertAll(numbers, x => Named(x, v => v.ToString("R", CultureInfo.InvariantCulture)));
        var (low, high) = (known[known.Length / 3], known[2 * known.Length / 3]);
        return Array.ConvertAll(numbers, x => Named(x, v => FormattableString.Invariant(v < low ? $"below {low:0.##}" : v < high ? (FormattableString)$"{low:0.##} to {high:0.##}" : $"from {high:0.##}")));
    }
}
