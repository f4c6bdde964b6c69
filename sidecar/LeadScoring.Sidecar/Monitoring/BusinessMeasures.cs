using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>A mean with its 95 % interval, and of how many.</summary>
public sealed record MeanOf(int Of, double? Value, double? Low, double? High)
{
    private const double Z = 1.959963984540054;

    /// <summary>The normal interval: of few, or very uneven, values it is rough.</summary>
    internal static MeanOf From(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0) return new MeanOf(0, null, null, null);
        var mean = values.Average();
        if (values.Count == 1) return new MeanOf(1, Math.Round(mean, 2), null, null);
        var half = Z * Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1) / values.Count);
        return new MeanOf(values.Count, Math.Round(mean, 2), Math.Round(mean - half, 2), Math.Round(mean + half, 2));
    }
}

/// <summary>A median with its 95 % interval, and of how many.</summary>
public sealed record MedianOf(int Of, double? Value, double? Low, double? High)
{
    private const double Z = 1.959963984540054;

    /// <summary>The interval is between two of the values themselves (binomial order statistics, Conover 1999), so that long waits do not spoil it.</summary>
    internal static MedianOf From(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return new MedianOf(0, null, null, null);
        var half = Z * Math.Sqrt(sorted.Length) / 2;
        double At(double place) => sorted[(int)Math.Clamp(place, 0, sorted.Length - 1)];
        var middle = (At((sorted.Length - 1) / 2) + At(sorted.Length / 2)) / 2;
        return sorted.Length < 6 ? new MedianOf(sorted.Length, Math.Round(middle, 2), null, null)
            : new MedianOf(sorted.Length, Math.Round(middle, 2), Math.Round(At(Math.Floor((sorted.Length / 2.0) - half)), 2), Math.Round(At(Math.Ceiling((sorted.Length / 2.0) + half)), 2));
    }
}

/// <summary>Two ways to choose whom to call, held against each other on the same leads and as many calls.</summary>
/// <param name="Capacity">Share of the leads that are called.</param>
/// <param name="ByScore">Of those called the highest score first, how many converted.</param>
/// <param name="FirstCome">Of those called in the order in which they came, how many converted.</param>
/// <param name="Ratio">First share over second, with the interval of the bootstrap over leads.</param>
/// <param name="WastedByScore">Calls to leads that did not convert, the highest score first.</param>
/// <param name="WastedFirstCome">The same in the order in which they came.</param>
/// <param name="WastedRatio">First over second, likewise.</param>
public sealed record QueueComparison(double Capacity, ShareOf ByScore, ShareOf FirstCome, Measured Ratio, int WastedByScore, int WastedFirstCome, Measured WastedRatio)
{
    private const int Seed = 7;
    private const long WeekMs = 7 * ActivityState.DayMs;

    /// <summary>Week by week, as a team works: within each, the share with the highest scores at the decision against the share that came first.</summary>
    internal static QueueComparison Of(IReadOnlyList<DecidedLead> leads, IReadOnlyList<bool> converted, double capacity)
    {
        bool[] byScore = new bool[leads.Count], first = new bool[leads.Count];
        foreach (var week in Enumerable.Range(0, leads.Count).GroupBy(i => leads[i].ScoredAtMs / WeekMs))
        {
            int[] members = [.. week];
            var calls = Math.Max(1, (int)Math.Round(capacity * members.Length));
            foreach (var i in members.OrderByDescending(i => leads[i].Score).ThenBy(i => leads[i].LeadId, StringComparer.Ordinal).Take(calls)) byScore[i] = true;
            // Who came in the same moment comes in an order that has nothing to do with the lead.
            foreach (var i in members.OrderBy(i => leads[i].CreatedAtMs ?? leads[i].ScoredAtMs).ThenBy(i => StableHash.Unit(leads[i].LeadId, Seed)).Take(calls)) first[i] = true;
        }

        int Hits(bool[] called) => Enumerable.Range(0, leads.Count).Count(i => called[i] && converted[i]);
        int calledByScore = byScore.Count(c => c), calledFirst = first.Count(c => c), hits = Hits(byScore), hitsFirst = Hits(first);
        var (rate, wasted) = RelativeRate.Of(byScore, first, converted);
        return new QueueComparison(capacity, ShareOf.From(hits, calledByScore), ShareOf.From(hitsFirst, calledFirst), rate, calledByScore - hits, calledFirst - hitsFirst, wasted);
    }
}

/// <summary>The share of one group over that of another.</summary>
internal static class RelativeRate
{
    private const int Seed = 7;

    /// <summary>Of what happened, and of what did not, with the intervals of the bootstrap over leads; groups may share leads.</summary>
    /// <param name="one">Who is in the one group.</param>
    /// <param name="other">Who is in the other.</param>
    /// <param name="happened">What came of each lead.</param>
    internal static (Measured Happened, Measured Not) Of(bool[] one, bool[] other, IReadOnlyList<bool> happened)
    {
        var resamples = Bootstrap.SuggestedResamples(one.Length);
        double[] did = new double[resamples], didNot = new double[resamples];
        var everyOne = new int[one.Length];
        Array.Fill(everyOne, 1);
        Bootstrap.Run(new int[one.Length], resamples, Seed, (b, counts) => (did[b], didNot[b]) = Ratios(counts));
        var (rate, rest) = Ratios(everyOne);
        return (Measured.Of(rate, Bootstrap.Of(rate, did)), Measured.Of(rest, Bootstrap.Of(rest, didNot)));

        (double, double) Ratios(int[] counts)
        {
            double n = 0, hits = 0, otherN = 0, otherHits = 0;
            for (var i = 0; i < counts.Length; i++)
            {
                var hit = happened[i] ? counts[i] : 0;
                if (one[i]) (n, hits) = (n + counts[i], hits + hit);
                if (other[i]) (otherN, otherHits) = (otherN + counts[i], otherHits + hit);
            }

            return (hits / n / (otherHits / otherN), (n - hits) / n / ((otherN - otherHits) / otherN));
        }
    }
}
