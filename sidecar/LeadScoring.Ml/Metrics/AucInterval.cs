namespace LeadScoring.Ml.Metrics;

/// <summary>The 95 % interval of an area under the ROC curve from its value and the number of leads alone.</summary>
public static class AucInterval
{
    private const double Z = 1.959963984540054;

    /// <summary>Normal interval, cut at 0 and 1.</summary>
    /// <remarks>Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating characteristic (ROC) curve", formula 1 with exponential scores.</remarks>
    /// <param name="auc">The area, 0 to 1.</param>
    /// <param name="positives">Leads that converted; 0 gives <see cref="Interval.Undefined"/>.</param>
    /// <param name="negatives">Leads that did not; 0 likewise.</param>
    public static Interval Of(double auc, int positives, int negatives)
    {
        if (positives < 1 || negatives < 1 || !double.IsFinite(auc)) return Interval.Undefined;
        double twoPositives = auc / (2 - auc), twoNegatives = 2 * auc * auc / (1 + auc);
        var variance = ((auc * (1 - auc)) + ((positives - 1) * (twoPositives - (auc * auc))) + ((negatives - 1) * (twoNegatives - (auc * auc)))) / ((double)positives * negatives);
        var half = Z * Math.Sqrt(Math.Max(0, variance));
        return new Interval(Math.Max(0, auc - half), Math.Min(1, auc + half));
    }
}
