namespace LeadScoring.Sidecar.Recommendations;

/// <summary>A share as it was observed.</summary>
/// <param name="Count">How many did.</param>
/// <param name="Of">Of how many that are known.</param>
/// <param name="Rate">Count / Of; absent when nothing is known.</param>
/// <param name="Low">Lower end of the 95 % interval (Wilson).</param>
/// <param name="High">Upper end.</param>
public sealed record ObservedRate(int Count, int Of, double? Rate = null, double? Low = null, double? High = null)
{
    private const double Z = 1.959964;

    /// <remarks>Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference". It stays inside 0 and 1 and is honest for few.</remarks>
    internal static ObservedRate From(int count, int of)
    {
        if (of == 0) return new ObservedRate(0, 0);
        double n = of, rate = count / n;
        var centre = (rate + (Z * Z / (2 * n))) / (1 + (Z * Z / n));
        var half = Z / (1 + (Z * Z / n)) * Math.Sqrt((rate * (1 - rate) / n) + (Z * Z / (4 * n * n)));
        return new ObservedRate(count, of, Math.Round(rate, 4), Math.Round(Math.Max(0, centre - half), 4), Math.Round(Math.Min(1, centre + half), 4));
    }
}
