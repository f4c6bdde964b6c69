namespace LeadScoring.Ml.Features;

/// <summary>Smoothed log-odds per level: rate = (conversions + m * overall rate) / (rows + m), m = <see cref="EncodingSettings.TargetSmoothing"/>.</summary>
/// <remarks>
/// A level of fewer rows than <see cref="EncodingSettings.MinLevelCount"/> counts as unknown, in training as in service: there is next to nothing to be learned of it, and its name may be a person's. Source: Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes", m-estimate form.
/// </remarks>
internal static class TargetStatistics
{
    internal static TargetEncoder Fit(string?[] levels, float[] y, EncodingSettings settings)
    {
        var (tallies, missing, all) = Tally(levels, y, _ => true);
        foreach (var (level, _) in tallies.Where(t => t.Value.Rows < settings.MinLevelCount).ToArray()) tallies.Remove(level);
        var logOdds = tallies.ToDictionary(p => p.Key, p => LogOdds(p.Value, all, settings), StringComparer.Ordinal);
        var (missingLogOdds, unknownLogOdds) = (LogOdds(missing, all, settings), LogOdds(default, all, settings));
        double sum = 0, squares = 0;
        foreach (var level in levels) sum += level is null ? missingLogOdds : logOdds.GetValueOrDefault(level, unknownLogOdds);
        var mean = sum / levels.Length;
        foreach (var level in levels)
        {
            var delta = (level is null ? missingLogOdds : logOdds.GetValueOrDefault(level, unknownLogOdds)) - mean;
            squares += delta * delta;
        }

        var deviation = Math.Sqrt(squares / levels.Length);
        return new TargetEncoder
        {
            LogOdds = logOdds,
            LogCount = tallies.ToDictionary(p => p.Key, p => LogCount(p.Value), StringComparer.Ordinal),
            UnknownLogOdds = unknownLogOdds,
            MissingLogOdds = missingLogOdds,
            MissingLogCount = LogCount(missing),
            Mean = mean,
            InverseDeviation = deviation > 1e-9 ? 1 / deviation : 0,
        };
    }

    /// <summary>For each row the encoding fitted on the rows of the other folds.</summary>
    internal static (float LogOdds, float LogCount)[] OutOfFold(string?[] levels, float[] y, EncodingSettings settings, int seed)
    {
        var random = new Random(seed);
        var fold = new int[levels.Length];
        for (var r = 0; r < fold.Length; r++) fold[r] = random.Next(settings.TargetFolds);
        var (total, totalMissing, totalAll) = Tally(levels, y, _ => true);
        var encoded = new (float, float)[levels.Length];
        for (var k = 0; k < settings.TargetFolds; k++)
        {
            var (own, ownMissing, ownAll) = Tally(levels, y, r => fold[r] == k);
            var all = totalAll - ownAll;
            for (var r = 0; r < levels.Length; r++)
            {
                if (fold[r] != k) continue;
                var isRare = levels[r] is { } rare && total[rare].Rows < settings.MinLevelCount;
                var others = isRare ? default : levels[r] is { } level ? total[level] - own[level] : totalMissing - ownMissing;
                // The count is the full one: how often a level occurs says nothing of this row's label.
                encoded[r] = (LogOdds(others, all, settings), LogCount(isRare ? default : levels[r] is { } l ? total[l] : totalMissing));
            }
        }

        return encoded;
    }

    private static (Dictionary<string, Pair> Levels, Pair Missing, Pair All) Tally(string?[] levels, float[] y, Func<int, bool> takes)
    {
        var tallies = new Dictionary<string, Pair>(StringComparer.Ordinal);
        Pair missing = default, all = default;
        for (var r = 0; r < levels.Length; r++)
        {
            if (!takes(r)) continue;
            var one = new Pair(1, y[r]);
            all += one;
            if (levels[r] is { } level) tallies[level] = tallies.GetValueOrDefault(level) + one;
            else missing += one;
        }

        return (tallies, missing, all);
    }

    private static float LogOdds(Pair pair, Pair all, EncodingSettings settings)
    {
        var overall = (all.Positives + 0.5) / (all.Rows + 1);
        var m = Math.Max(settings.TargetSmoothing, 1e-3);
        var rate = (pair.Positives + (m * overall)) / (pair.Rows + m);
        return (float)Math.Log(rate / (1 - rate));
    }

    private static float LogCount(Pair pair) => (float)Math.Log(1 + pair.Rows);

    private readonly record struct Pair(double Rows, double Positives)
    {
        public static Pair operator +(Pair a, Pair b) => new(a.Rows + b.Rows, a.Positives + b.Positives);

        public static Pair operator -(Pair a, Pair b) => new(a.Rows - b.Rows, a.Positives - b.Positives);
    }
}
