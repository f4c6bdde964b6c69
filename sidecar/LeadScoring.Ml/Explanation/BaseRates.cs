using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Explanation;

/// <summary>Leads and how many of them converted.</summary>
/// <param name="Rows">Leads, 0 or more.</param>
/// <param name="Conversions">Of them converted, at most <paramref name="Rows"/>.</param>
public readonly record struct Tally(int Rows, int Conversions)
{
    /// <summary>The sum of two.</summary>
    public static Tally operator +(Tally a, Tally b) => new(a.Rows + b.Rows, a.Conversions + b.Conversions);

    internal bool IsSound => Rows >= 0 && Conversions >= 0 && Conversions <= Rows;
}

/// <summary>Leads whose number lies in a range.</summary>
/// <param name="From">Smallest value seen.</param>
/// <param name="To">Largest value seen.</param>
/// <param name="Leads">How many, and how many converted.</param>
public readonly record struct NumberBin(double From, double To, Tally Leads);

/// <summary>How leads convert by the value of one feature.</summary>
/// <param name="Feature">Name.</param>
/// <param name="Missing">Leads without a value.</param>
/// <param name="Bins">Of numbers: ascending, not overlapping; null for levels and truth values.</param>
/// <param name="Levels">Of levels ("true" and "false" for truth values): those with enough leads; null for numbers.</param>
public sealed record FeatureRates(string Feature, Tally Missing, NumberBin[]? Bins, Dictionary<string, Tally>? Levels);

/// <summary>How leads converted by value of each feature, counted on the training rows: what explanations quote.</summary>
/// <param name="All">All leads.</param>
/// <param name="Least">Fewest leads that a rate is told of.</param>
/// <param name="Features">One entry a feature.</param>
public sealed record BaseRates(Tally All, int Least, FeatureRates[] Features)
{
    /// <summary>A rate is drawn towards that of all leads as if so many more leads with the rate of all had been seen: 10.</summary>
    public const int PriorLeads = 10;

    private const int MostBins = 20;
    private const int MostLevels = 200;

    /// <summary>Share that converts, drawn a little towards all leads.</summary>
    public double Rate(Tally leads) => (leads.Conversions + (PriorLeads * AllRate)) / (leads.Rows + PriorLeads);

    /// <summary>Share of all leads that converts.</summary>
    public double AllRate => All.Rows == 0 ? 0 : All.Conversions / (double)All.Rows;

    /// <summary>Counts.</summary>
    /// <param name="profile">Features; their order is that of the values.</param>
    /// <param name="values">Row-major (all rows, features).</param>
    /// <param name="labels">1 or 0 for each row.</param>
    /// <param name="rows">The rows to count.</param>
    public static BaseRates Of(FeatureProfile profile, FeatureValue[] values, float[] labels, int[] rows)
    {
        var width = profile.Features.Count;
        // 200 leads keep the sampling error of a rate under 0.035; small organizations get coarser truths rather than none.
        var least = Math.Clamp(rows.Length / 20, 20, 200);
        var features = new FeatureRates[width];
        for (var f = 0; f < width; f++)
        {
            var at = f;
            features[f] = Of(profile.Features[f], Array.ConvertAll(rows, r => (values[(r * width) + at], labels[r] == 1 ? 1 : 0)), least);
        }

        return new BaseRates(Count(rows.Select(r => labels[r] == 1 ? 1 : 0)), least, features);
    }

    /// <exception cref="FormatException">What was read cannot be: the message says what.</exception>
    internal void Check(FeatureProfile profile)
    {
        if (Features.Length != profile.Features.Count) throw new FormatException($"Base rates: {Features.Length} features for {profile.Features.Count}");
        if (!All.IsSound || Least < 1) throw new FormatException("Base rates: the counts of all leads cannot be");
        for (var f = 0; f < Features.Length; f++)
        {
            var rates = Features[f] ?? throw new FormatException("Base rates: a feature is null");
            if (rates.Feature != profile.Features[f].Name) throw new FormatException($"Base rates: '{rates.Feature}' stands where '{profile.Features[f].Name}' should");
            var sound = rates.Missing.IsSound && (rates.Bins ?? []).All(b => b.Leads.IsSound && double.IsFinite(b.From) && double.IsFinite(b.To) && b.From <= b.To)
                && (rates.Levels?.Values ?? Enumerable.Empty<Tally>()).All(t => t.IsSound);
            if (!sound) throw new FormatException($"Base rates: the counts of '{rates.Feature}' cannot be");
        }
    }

    private static FeatureRates Of(FeatureDefinition feature, (FeatureValue Value, int Converted)[] column, int least)
    {
        var missing = Count(column.Where(c => c.Value.IsMissing).Select(c => c.Converted));
        if (feature.Kind == FeatureKind.Numeric)
            return new FeatureRates(feature.Name, missing, Bins([.. column.Where(c => !double.IsNaN(c.Value.Number)).Select(c => (c.Value.Number, c.Converted))], least), null);
        var levels = column.Where(c => !c.Value.IsMissing).GroupBy(c => LevelOf(c.Value), StringComparer.Ordinal)
            .Select(g => (Level: g.Key, Leads: Count(g.Select(c => c.Converted)))).Where(l => l.Leads.Rows >= least)
            .OrderByDescending(l => l.Leads.Rows).ThenBy(l => l.Level, StringComparer.Ordinal).Take(MostLevels);
        return new FeatureRates(feature.Name, missing, null, levels.ToDictionary(l => l.Level, l => l.Leads, StringComparer.Ordinal));
    }

    internal static string LevelOf(FeatureValue value) => value.Level ?? (value.Number == 0 ? "false" : "true");

    /// <summary>About <see cref="MostBins"/> bins of equal counts; equal values share a bin, and none has fewer than the least.</summary>
    private static NumberBin[] Bins((double Number, int Converted)[] known, int least)
    {
        Array.Sort(known, (a, b) => a.Number.CompareTo(b.Number));
        var size = Math.Max(least, known.Length / MostBins);
        var bins = new List<NumberBin>();
        for (var start = 0; start < known.Length;)
        {
            var leads = default(Tally);
            var end = start;
            while (end < known.Length && (leads.Rows < size || known[end].Number == known[end - 1].Number)) leads += new Tally(1, known[end++].Converted);
            var bin = new NumberBin(known[start].Number, known[end - 1].Number, leads);
            // The rest at the upper end may be too small to stand alone.
            if (leads.Rows < least && bins.Count > 0) bins[^1] = new NumberBin(bins[^1].From, bin.To, bins[^1].Leads + leads);
            else bins.Add(bin);
            start = end;
        }

        return [.. bins];
    }

    private static Tally Count(IEnumerable<int> converted)
    {
        var tally = default(Tally);
        foreach (var c in converted) tally += new Tally(1, c);
        return tally;
    }
}
