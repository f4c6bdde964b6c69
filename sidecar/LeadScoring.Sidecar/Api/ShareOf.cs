using LeadScoring.Ml.Metrics;

namespace LeadScoring.Sidecar.Api;

/// <summary>A share with its 95 % interval (Wilson) and what it is a share of.</summary>
/// <param name="Count">How many.</param>
/// <param name="Of">Of how many that are known.</param>
/// <param name="Value">Count / Of; absent, as are its ends, when nothing is known.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public sealed record ShareOf(int Count, int Of, double? Value = null, double? Low = null, double? High = null)
{
    internal static ShareOf From(int count, int of)
    {
        if (of == 0) return new ShareOf(0, 0);
        var interval = Interval.OfShare(count, of);
        return new ShareOf(count, of, Math.Round(count / (double)of, 4), Math.Round(interval.Low, 4), Math.Round(interval.High, 4));
    }
}
