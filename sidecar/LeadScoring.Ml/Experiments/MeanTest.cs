namespace LeadScoring.Ml.Experiments;

/// <summary>One observation of which it was known before how small and how large it could become.</summary>
/// <param name="Value">In [Low, High].</param>
/// <param name="Low">Least value that was possible, told by what was known before.</param>
/// <param name="High">Largest value that was possible.</param>
public readonly record struct Gain(double Value, double Low, double High)
{
    /// <summary>Seen from the other side.</summary>
    public static Gain operator -(Gain g) => new(-g.Value, -g.High, -g.Low);
}

/// <summary>Evidence that a mean lies above a bound, which may be looked at after every observation.</summary>
/// <remarks>
/// <para>
/// Testing by betting: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting", JRSS B 86(1). Who does not believe that the mean is at most m stakes a part of his wealth on each observation:
/// the wealth is multiplied by 1 + b (x - m), with b ≥ 0 fixed before x is seen and so small that the factor stays positive. If E[x | past] ≤ m at each step, every factor has a conditional mean of at most 1, so the wealth is a
/// non-negative supermartingale that begins at 1, and so is the average over several b (the method of mixtures, Robbins 1970). By Ville's inequality it ever reaches 1/α with a probability of at most α: at any number of looks,
/// wherever one stops. The wealth is an e-value.
/// </para>
/// <para>Conditions: the bounds of each observation are told before it, and its conditional mean is at most m, whatever the past. Observations need not be alike or independent, and nothing is approximate.</para>
/// </remarks>
/// <param name="bound">The m above.</param>
public sealed class MeanTest(double bound)
{
    // Stakes that are best for effects from a hundredth of the variance to all of it.
    private static readonly double[] Stakes = [0.03, 0.07, 0.15, 0.3, 0.6, 1.2];

    // One observation never costs more of the wealth than this.
    private const double MostAtRisk = 0.9;

    private readonly double[] wealth = new double[Stakes.Length];

    /// <summary>Logarithm of the e-value; 0 before the first observation.</summary>
    public double LogEvidence
    {
        get
        {
            var most = wealth.Max();
            return most + Math.Log(wealth.Average(w => Math.Exp(w - most)));
        }
    }

    /// <summary>Adds the next observation.</summary>
    public void Add(in Gain gain)
    {
        for (var i = 0; i < wealth.Length; i++) wealth[i] += Math.Log(Factor(gain, bound, Stakes[i]));
    }

    /// <summary>Whether the mean is shown to be above the bound.</summary>
    /// <param name="alpha">Probability of ever saying so wrongly, in (0, 1).</param>
    public bool IsShown(double alpha) => LogEvidence >= Math.Log(1 / alpha);

    internal static IReadOnlyList<double> AllStakes => Stakes;

    /// <summary>What one observation makes of the wealth; positive.</summary>
    internal static double Factor(in Gain gain, double bound, double stake)
    {
        var atRisk = bound - gain.Low;
        return 1 + (Math.Min(stake, atRisk > 0 ? MostAtRisk / atRisk : stake) * (gain.Value - bound));
    }

    internal static double LogEvidenceOf(IReadOnlyList<Gain> gains, double bound)
    {
        var test = new MeanTest(bound);
        foreach (var gain in gains) test.Add(gain);
        return test.LogEvidence;
    }
}

/// <summary>A confidence sequence: an interval for a mean that holds at all numbers of observations at once.</summary>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct MeanBounds(double Low, double High)
{
    private const int Halvings = 40;

    /// <summary>All means that <see cref="MeanTest"/> does not exclude from either side, each at half the level.</summary>
    /// <remarks>
    /// Where conditional means differ from one observation to the next, this is not an interval for their average, but each of its ends is still a valid statement on its own: some conditional mean lay above the lower one.
    /// The evidence falls as the bound rises, since each stake is the smaller of a fixed one and one that shrinks with the bound; so the ends are found by halving.
    /// </remarks>
    /// <param name="gains">Observations in their order.</param>
    /// <param name="alpha">1 - coverage, in (0, 1).</param>
    /// <returns>(-∞, ∞) without observations.</returns>
    public static MeanBounds Of(IReadOnlyList<Gain> gains, double alpha) =>
        gains.Count == 0 ? new(double.NegativeInfinity, double.PositiveInfinity) : new(Lower(gains, alpha), -Lower([.. gains.Select(g => -g)], alpha));

    private static double Lower(IReadOnlyList<Gain> gains, double alpha)
    {
        double low = gains.Min(g => g.Low), high = gains.Average(g => g.Value), enough = Math.Log(2 / alpha);
        if (MeanTest.LogEvidenceOf(gains, low) < enough) return low;
        for (var i = 0; i < Halvings; i++)
        {
            var middle = (low + high) / 2;
            if (MeanTest.LogEvidenceOf(gains, middle) >= enough) low = middle;
            else high = middle;
        }

        return low;
    }
}
