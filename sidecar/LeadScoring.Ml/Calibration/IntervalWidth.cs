using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Calibration;

/// <summary>One group of leads scored alike, after their outcomes are known.</summary>
/// <param name="Mean">Mean probability that was served, in (0, 1).</param>
/// <param name="Observed">Share that converted.</param>
/// <param name="Sampling">Half-width of the interval that is owed to sampling in the training, in log-odds.</param>
/// <param name="Leads">Number of leads.</param>
internal readonly record struct ScoredAlike(double Mean, double Observed, double Sampling, int Leads)
{
    private static readonly double Quantile = Normal.InvCDF(0, 1, (1 + ConversionInterval.Level) / 2);

    /// <summary>
    /// Smallest half-width owed to periods, in log-odds, with which the interval would have held the observed rate, that rate's own sampling allowed for: side^2 + (1.645)^2 m (1 - m) / n,
    /// as squares of independent errors add.
    /// </summary>
    internal double Needed
    {
        get
        {
            var distance = Math.Abs(Observed - Mean);
            var side = Math.Sqrt(Math.Max(0, (distance * distance) - (Quantile * Quantile * Mean * (1 - Mean) / Leads)));
            var end = Math.Clamp(Observed < Mean ? Mean - side : Mean + side, 1e-6, 1 - 1e-6);
            var half = PriorShift.LogOdds(end) - PriorShift.LogOdds(Mean);
            return Math.Sqrt(Math.Max(0, (half * half) - (Sampling * Sampling)));
        }
    }
}

/// <summary>The half-width that intervals owe to change between periods, learned from outcomes as they mature.</summary>
/// <remarks>
/// Adaptive conformal inference (Gibbs and Candes 2021, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 34). The width is the 1 - alpha quantile of what earlier groups needed, newer ones
/// counting more; after each group alpha moves by <see cref="StepSize"/> x (0.1 - [missed]), so misses widen and a long run without them narrows. Whatever the series does, the share of misses then tends to 0.1 at the pace of 1 / groups,
/// as long as alpha stays above 0. At 0 it stops (no interval of everything is served): the width is then a quarter above the largest need, and grows with each further miss. Before the first outcomes the needs are those of the training:
/// even quantiles of |N(0, tau)|, whose 0.9 quantile is the frozen width.
/// </remarks>
internal sealed class IntervalWidth
{
    /// <summary>Move of alpha per group.</summary>
    internal const double StepSize = 0.02;

    // Groups, over which weights fall to 1/e. Both chosen on demo worlds: decision record 27.
    private const double Window = 50;
    private const int FromTraining = 20;
    private const double Beyond = 1.25;
    private const double MostAlpha = 0.5;
    private const double Forgotten = 1e-3;

    private readonly List<(double Needed, double Weight)> needs = [];
    private double alpha = 1 - ConversionInterval.Level;

    internal IntervalWidth(double tau)
    {
        for (var i = 0; i < FromTraining; i++) needs.Add((tau * Normal.InvCDF(0, 1, 0.5 + ((i + 0.5) / FromTraining / 2)), 1));
        HalfWidth = tau * Normal.InvCDF(0, 1, (1 + ConversionInterval.Level) / 2);
    }

    /// <summary>In log-odds, 0 or more.</summary>
    internal double HalfWidth { get; private set; }

    /// <summary>Groups seen.</summary>
    internal int Groups { get; private set; }

    /// <summary>How many of them had their rate inside the interval that was served.</summary>
    internal int Inside { get; private set; }

    /// <summary>Outcomes of some groups become known.</summary>
    /// <param name="groups">Groups.</param>
    /// <param name="served">Half-width owed to periods that was served to each.</param>
    internal void Learn(ReadOnlySpan<ScoredAlike> groups, ReadOnlySpan<double> served)
    {
        var faded = Math.Exp(-1 / Window);
        for (var g = 0; g < groups.Length; g++)
        {
            var needed = groups[g].Needed;
            var inside = needed <= served[g];
            (Groups, Inside) = (Groups + 1, Inside + (inside ? 1 : 0));
            alpha = Math.Clamp(alpha + (StepSize * (1 - ConversionInterval.Level - (inside ? 0 : 1))), 0, MostAlpha);
            for (var i = 0; i < needs.Count; i++) needs[i] = (needs[i].Needed, needs[i].Weight * faded);
            needs.Add((needed, 1));
        }

        needs.RemoveAll(n => n.Weight < Forgotten);
        HalfWidth = AtQuantile(1 - alpha);
    }

    private double AtQuantile(double level)
    {
        // The group to come counts as one more that may need anything: without it the quantile of few groups promises too much.
        var wanted = level * (needs.Sum(n => n.Weight) + 1);
        double sum = 0, largest = 0;
        foreach (var (needed, weight) in needs.OrderBy(n => n.Needed))
        {
            (sum, largest) = (sum + weight, needed);
            if (sum >= wanted) return needed;
        }

        return Beyond * largest;
    }
}
