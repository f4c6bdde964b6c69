namespace LeadScoring.Ml.Calibration;

/// <summary>Leads that isotonic regression gives one common conversion rate.</summary>
/// <param name="First">Smallest prediction in the block.</param>
/// <param name="Last">Largest prediction in the block; at least <paramref name="First"/>.</param>
/// <param name="Center">Weighted mean of the predictions in the block.</param>
/// <param name="Rate">Weighted mean of the labels in the block, in [0, 1].</param>
/// <param name="Weight">Sum of the weights, positive. With unit weights: the number of leads.</param>
public readonly record struct IsotonicBlock(double First, double Last, double Center, double Rate, double Weight)
{
    /// <summary>The block that holds the leads of this one and of the next.</summary>
    /// <param name="next">A block of larger predictions.</param>
    internal IsotonicBlock MergedWith(IsotonicBlock next)
    {
        var weight = Weight + next.Weight;
        return new IsotonicBlock(
            First, next.Last,
            Math.Clamp((Center * Weight + next.Center * next.Weight) / weight, First, next.Last),
            (Rate * Weight + next.Rate * next.Weight) / weight,
            weight);
    }
}
