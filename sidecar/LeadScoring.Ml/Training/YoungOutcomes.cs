namespace LeadScoring.Ml.Training;

/// <summary>An outcome that is final, and when that came to be known.</summary>
/// <param name="Converted">What it says.</param>
/// <param name="AgeMs">From the decision to now, ms.</param>
/// <param name="KnownAfterMs">From the decision to the moment when it was final, ms.</param>
/// <param name="Draw">A number in [0, 1) of the lead's own, the same every time.</param>
public readonly record struct KnownOutcome(bool Converted, long AgeMs, long KnownAfterMs, double Draw);

/// <summary>Which outcomes of leads younger than the horizon count, so that of young leads conversions and non-conversions are what they are of all.</summary>
/// <remarks>
/// One of the two is known sooner, mostly conversions: taken as they come, young leads would convert far more often than leads do. From leads that have had their whole horizon it is known what share of either kind is
/// known at an age. Of the kind that is known sooner as large a share counts as of the other, drawn by the lead's own number, so that retraining a day later draws alike. It takes for granted that within a
/// kind leads with a quick outcome are like those with a slow one.
/// </remarks>
public static class YoungOutcomes
{
    /// <summary>Fewest leads of either kind with their whole horizon behind them; with fewer nothing is known of delays, and all outcomes count.</summary>
    public const int FewestPerClass = 30;

    /// <summary>Whether each counts.</summary>
    /// <param name="outcomes">All that are final.</param>
    /// <param name="horizonMs">The horizon, ms, above 0.</param>
    public static bool[] Count(IReadOnlyList<KnownOutcome> outcomes, long horizonMs)
    {
        long[] Delays(bool converted) => [.. outcomes.Where(o => o.AgeMs >= horizonMs && o.Converted == converted).Select(o => o.KnownAfterMs).Order()];
        var (conversions, others) = (Delays(true), Delays(false));
        if (Math.Min(conversions.Length, others.Length) < FewestPerClass) return [.. outcomes.Select(_ => true)];
        return [.. outcomes.Select(o => o.AgeMs >= horizonMs || o.Draw * KnownBy(o.Converted ? conversions : others, o.AgeMs) < KnownBy(o.Converted ? others : conversions, o.AgeMs))];
    }

    /// <summary>Share of sorted delays that are over at an age.</summary>
    private static double KnownBy(long[] delays, long ageMs)
    {
        int low = 0, high = delays.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (delays[middle] <= ageMs) low = middle + 1;
            else high = middle;
        }

        return low / (double)delays.Length;
    }
}
