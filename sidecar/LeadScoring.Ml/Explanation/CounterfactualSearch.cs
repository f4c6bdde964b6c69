using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Explanation;

/// <summary>A feature with another value.</summary>
/// <param name="Feature">Position in the profile.</param>
/// <param name="From">The lead's value.</param>
/// <param name="To">Value as it would be.</param>
public readonly record struct FeatureChange(int Feature, FeatureValue From, FeatureValue To);

/// <summary>What a search found.</summary>
/// <param name="IsReached">Whether the target is reached with <paramref name="Changes"/>.</param>
/// <param name="Changes">The smallest changes found, or those of the best score that was found when the target was not reached. In the profile's order.</param>
/// <param name="Points">Score with them, by the same scoring.</param>
public sealed record Counterfactual(bool IsReached, IReadOnlyList<FeatureChange> Changes, double Points);

/// <summary>Looks for the smallest change of actionable features that brings a score to a target.</summary>
/// <remarks>
/// Smallest: fewest features first, then least distance; a number's distance is counted in spreads (90 % less 10 % quantile of the training leads), a
/// level's is 1. One, two and three features are tried exhaustively over <see cref="CounterfactualOption"/>s, of which pairs and triples take the most
/// promising features and evenly spread values within a fixed budget; beyond that, features are added greedily, and what proves needless is taken back.
/// Every score is that of the scoring given: a result holds when scored again, by construction. Deterministic.
/// </remarks>
/// <param name="points">Scores feature values: 0.1 to 99.9. Called often.</param>
public sealed class CounterfactualSearch(Func<FeatureValue[], double> points)
{
    /// <summary>Most scores that one search computes.</summary>
    public const int MaxScores = 20_000;

    private const int MaxTogether = 3;
    private const int MaxRounds = 12;
    private const double LeastGain = 0.05;

    /// <summary>Searches.</summary>
    /// <param name="values">The lead's values, in the profile's order.</param>
    /// <param name="options">What each feature could become; empty for those that cannot change. One entry a feature.</param>
    /// <param name="target">Score to reach, on the rounded score.</param>
    public Counterfactual Find(FeatureValue[] values, IReadOnlyList<CounterfactualOption[]> options, double target)
    {
        var start = points(values);
        if (start >= target) return new Counterfactual(true, [], start);
        var search = new Search(points, values, target);
        int[] features = [.. Enumerable.Range(0, values.Length).Where(f => options[f].Length > 0)];
        // The best single gain of each feature tells which are worth combining.
        var gain = features.ToDictionary(f => f, f => search.TryAll([f], options));
        for (var together = 2; together <= MaxTogether && search.Best is null; together++)
        {
            int[] promising = [.. features.OrderByDescending(f => gain[f]).ThenBy(f => f)];
            search.TryTogether(promising, options, together);
        }

        if (search.Best is null) search.Climb(features, options);
        var (changes, reached) = search.Best is { } best ? (best, true) : (search.Highest, false);
        return new Counterfactual(reached, [.. changes.OrderBy(c => c.Feature)], search.Score(changes));
    }

    private sealed class Search(Func<FeatureValue[], double> points, FeatureValue[] values, double target)
    {
        private readonly FeatureValue[] changed = [.. values];
        private double bestDistance = double.PositiveInfinity;
        private double highest = double.NegativeInfinity;
        private int scores;

        /// <summary>Changes that reach the target with least distance; null while there are none.</summary>
        internal FeatureChange[]? Best { get; private set; }

        /// <summary>Changes of the highest score seen.</summary>
        internal FeatureChange[] Highest { get; private set; } = [];

        internal double Score(IReadOnlyList<FeatureChange> changes)
        {
            foreach (var change in changes) changed[change.Feature] = change.To;
            var score = points(changed);
            foreach (var change in changes) changed[change.Feature] = change.From;
            scores++;
            return score;
        }

        /// <summary>Tries all combinations of options of some features; the highest score among them.</summary>
        internal double TryAll(int[] features, IReadOnlyList<CounterfactualOption[]> options)
        {
            var highestHere = double.NegativeInfinity;
            var at = new int[features.Length];
            var changes = new FeatureChange[features.Length];
            while (true)
            {
                var distance = 0.0;
                for (var i = 0; i < at.Length; i++)
                {
                    var option = options[features[i]][at[i]];
                    changes[i] = new FeatureChange(features[i], values[features[i]], option.Value);
                    distance += option.Distance;
                }

                // What is farther than the best can only lose.
                if (distance < bestDistance) highestHere = Math.Max(highestHere, Consider(changes, distance));
                var next = 0;
                while (next < at.Length && ++at[next] == options[features[next]].Length) at[next++] = 0;
                if (next == at.Length) return highestHere;
            }
        }

        /// <summary>All groups of so many features, the more promising ones first and with thinned options, within the budget.</summary>
        internal void TryTogether(int[] promising, IReadOnlyList<CounterfactualOption[]> options, int together)
        {
            // Half of what is left for pairs, all of it for triples; the climb afterwards is short.
            var budget = (MaxScores - scores) / (together == MaxTogether ? 1 : 2);
            var thinned = options;
            var count = promising.Length;
            for (var most = 16; most >= 3; most--)
            {
                thinned = [.. options.Select(o => CounterfactualOption.Thin(o, most))];
                if (Combinations(promising, thinned, together, promising.Length) <= budget) break;
            }

            while (count > together && Combinations(promising, thinned, together, count) > budget) count--;
            foreach (var group in Groups(promising[..Math.Min(count, promising.Length)], together)) TryAll(group, thinned);
        }

        /// <summary>Adds the change that helps most, again and again; then takes back and lessens what the target does not need.</summary>
        internal void Climb(int[] features, IReadOnlyList<CounterfactualOption[]> options)
        {
            var current = new List<FeatureChange>(Highest);
            var score = highest;
            for (var round = 0; round < MaxRounds && score < target; round++)
            {
                (double Score, FeatureChange Change) best = (score + LeastGain, default);
                foreach (var f in features)
                {
                    foreach (var option in options[f])
                    {
                        var change = new FeatureChange(f, values[f], option.Value);
                        if (Score([.. current.Where(c => c.Feature != f), change]) is var reached && reached > best.Score) best = (reached, change);
                    }
                }

                if (best.Change.Equals(default)) break;
                current.RemoveAll(c => c.Feature == best.Change.Feature);
                current.Add(best.Change);
                score = best.Score;
                Remember([.. current], score);
            }

            if (score < target) return;
            foreach (var change in current.ToArray())
            {
                FeatureChange[] without = [.. current.Where(c => c.Feature != change.Feature)];
                if (Score(without) >= target) current.Remove(change);
                else if (options[change.Feature].Where(o => !o.Value.Equals(change.To)).OrderBy(o => o.Distance).FirstOrDefault(o => o.Distance < DistanceOf(change, options) && Score([.. without, new FeatureChange(change.Feature, change.From, o.Value)]) >= target) is { } less)
                    current[current.FindIndex(c => c.Feature == change.Feature)] = new FeatureChange(change.Feature, change.From, less.Value);
            }

            Best = [.. current];
        }

        private static double DistanceOf(FeatureChange change, IReadOnlyList<CounterfactualOption[]> options) =>
            Array.Find(options[change.Feature], o => o.Value.Equals(change.To))?.Distance ?? double.PositiveInfinity;

        private double Consider(FeatureChange[] changes, double distance)
        {
            var score = Score(changes);
            Remember(changes, score);
            if (score >= target) (Best, bestDistance) = ([.. changes], distance);
            return score;
        }

        private void Remember(FeatureChange[] changes, double score)
        {
            if (score > highest) (Highest, highest) = ([.. changes], score);
        }

        private static long Combinations(int[] promising, IReadOnlyList<CounterfactualOption[]> options, int together, int count)
        {
            // Elementary symmetric polynomial of the numbers of options: how many combinations there are of so many features.
            var sums = new long[together + 1];
            sums[0] = 1;
            foreach (var f in promising.Take(count))
            {
                for (var k = together; k > 0; k--) sums[k] += sums[k - 1] * options[f].Length;
            }

            return sums[together];
        }

        private static IEnumerable<int[]> Groups(int[] features, int size)
        {
            if (size == 0)
            {
                yield return [];
                yield break;
            }

            for (var last = size - 1; last < features.Length; last++)
            {
                foreach (var group in Groups(features[..last], size - 1)) yield return [.. group, features[last]];
            }
        }
    }
}
