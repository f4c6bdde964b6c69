using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Explanation;

/// <summary>A value that a feature could take.</summary>
/// <param name="Value">The value.</param>
/// <param name="Distance">How far it is from the lead's own, above 0.</param>
public sealed record CounterfactualOption(FeatureValue Value, double Distance)
{
    private const int WholeSteps = 5;
    private const double LevelDistance = 1;

    /// <summary>What the features of a lead could become: actionable ones only, in the direction the profile allows, to values that leads have had.</summary>
    /// <param name="profile">Features.</param>
    /// <param name="values">The lead's values.</param>
    /// <param name="seen">Values seen of each feature: ascending numbers, or levels; null for nothing.</param>
    public static CounterfactualOption[][] Of(FeatureProfile profile, FeatureValue[] values, IReadOnlyList<SeenValues?> seen) =>
        [.. profile.Features.Select((feature, f) => feature.Actionable && seen[f] is { } has ? Of(feature, values[f], has) : [])];

    /// <summary>At most so many of the options, evenly spread, the nearest and the farthest among them.</summary>
    internal static CounterfactualOption[] Thin(CounterfactualOption[] options, int most) => options.Length <= most
        ? options
        : [.. Enumerable.Range(0, most).Select(i => options[(int)Math.Round(i * (options.Length - 1) / (double)(most - 1))])];

    private static CounterfactualOption[] Of(FeatureDefinition feature, FeatureValue value, SeenValues seen) => feature.Kind switch
    {
        FeatureKind.Categorical => [.. (seen.Levels ?? []).Where(l => l != value.Level).Select(l => new CounterfactualOption(new FeatureValue(double.NaN, l), LevelDistance))],
        FeatureKind.Boolean => [.. ((double[])[0, 1]).Where(v => v != value.Number && Allows(feature.Change, value.Number, v)).Select(v => new CounterfactualOption(new FeatureValue(v, null), LevelDistance))],
        _ => Numbers(feature, value.Number, seen.Numbers ?? []),
    };

    private static CounterfactualOption[] Numbers(FeatureDefinition feature, double from, double[] seen)
    {
        if (seen.Length == 0) return [];
        var (spread, middle) = (Spread(seen), seen[seen.Length / 2]);
        var candidates = new SortedSet<double>(seen);
        // Between quantiles of counts the next few whole numbers are real, and nearer.
        if (Array.TrueForAll(seen, v => v == Math.Floor(v)))
        {
            var around = double.IsNaN(from) ? middle : Math.Round(from);
            for (var step = -WholeSteps; step <= WholeSteps; step++)
            {
                if (around + step >= seen[0] && around + step <= seen[^1]) candidates.Add(around + step);
            }
        }

        // An unknown number has no distance to travel but from what is usual, and telling it is a step of its own.
        return [.. candidates.Where(to => to != from && Allows(feature.Change, from, to))
            .Select(to => new CounterfactualOption(new FeatureValue(to, null), double.IsNaN(from) ? LevelDistance + (Math.Abs(to - middle) / spread) : Math.Abs(to - from) / spread))
            .OrderBy(o => o.Distance)];
    }

    private static bool Allows(ValueChange change, double from, double to) => double.IsNaN(from) || change switch
    {
        ValueChange.Increase => to > from,
        ValueChange.Decrease => to < from,
        _ => true,
    };

    private static double Spread(double[] seen)
    {
        var spread = seen[(int)(0.9 * (seen.Length - 1))] - seen[(int)(0.1 * (seen.Length - 1))];
        if (spread > 0) return spread;
        return seen[^1] > seen[0] ? seen[^1] - seen[0] : 1;
    }
}

/// <summary>Values of a feature that leads have had.</summary>
/// <param name="Numbers">Ascending, evenly spaced in rank; null for levels.</param>
/// <param name="Levels">Levels; null for numbers.</param>
public sealed record SeenValues(double[]? Numbers, IReadOnlyList<string>? Levels);
