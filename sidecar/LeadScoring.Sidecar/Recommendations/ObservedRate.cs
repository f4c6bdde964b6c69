using LeadScoring.Ml.Metrics;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>A share as it was observed.</summary>
/// <param name="Count">How many did.</param>
/// <param name="Of">Of how many that are known.</param>
/// <param name="Rate">Count / Of; absent when nothing is known.</param>
/// <param name="Low">Lower end of the 95 % interval (Wilson).</param>
/// <param name="High">Upper end.</param>
public sealed record ObservedRate(int Count, int Of, double? Rate = null, double? Low = null, double? High = null)
{
    internal static ObservedRate From(int count, int of)
    {
        if (of == 0) return new ObservedRate(0, 0);
        var interval = Interval.OfShare(count, of);
        return new ObservedRate(count, of, Math.Round(count / (double)of, 4), Math.Round(interval.Low, 4), Math.Round(interval.High, 4));
    }
}
