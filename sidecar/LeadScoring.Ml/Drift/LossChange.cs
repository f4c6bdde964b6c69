namespace LeadScoring.Ml.Drift;

/// <summary>In what way outcomes have left the probabilities.</summary>
public enum LossChangeKind
{
    /// <summary>The scores tell less than they did: high ones convert less and low ones more.</summary>
    WeakerRanking,

    /// <summary>More leads convert than the probabilities say.</summary>
    MoreConversions,

    /// <summary>Fewer do.</summary>
    FewerConversions,
}

/// <summary>Watches the log loss lead by lead and says when outcomes follow another rule than the probabilities.</summary>
/// <remarks>
/// <para>
/// Page's test (Page 1954, "Continuous Inspection Schemes"; with a fixed allowance known as Page-Hinkley) on the difference between the model's log loss and that of three models of what
/// may have happened: log-odds drawn halfway to the usual ones, and moved up or down by 0.7. That difference is the logarithm of a likelihood ratio, so its running products are e-values, and their
/// Shiryaev-Roberts sum, averaged over the three, is an e-detector: Shin, Ramdas and Rinaldo (2024), "E-detectors". Where the probabilities hold, it reaches a bound c not before c leads on
/// average, whatever the leads are and however often one looks.
/// </para>
/// <para>It asks of each lead only what its own probability says, so another mix of leads alone is no alarm.</para>
/// </remarks>
public sealed class LossChange
{
    private const double Drawn = 0.5;
    private const double Moved = 0.7;
    private const double Clip = 1e-6;

    private readonly double usual;
    private readonly double[] sums = new double[3];
    private readonly double[] page = new double[3];
    private readonly int[] since = new int[3];

    /// <param name="usualRate">Usual conversion rate, in (0, 1).</param>
    /// <param name="bound">Least average number of leads between false alarms, above 1.</param>
    /// <exception cref="ArgumentException">Out of range.</exception>
    public LossChange(double usualRate, double bound)
    {
        if (!(usualRate is > 0 and < 1)) throw new ArgumentException($"usual rate {usualRate} is not in (0, 1)", nameof(usualRate));
        if (!(bound > 1)) throw new ArgumentException($"bound {bound} is not above 1", nameof(bound));
        (usual, Bound) = (LogOdds(usualRate), bound);
    }

    /// <summary>Least average number of leads between false alarms.</summary>
    public double Bound { get; }

    /// <summary>Leads seen.</summary>
    public int Rows { get; private set; }

    /// <summary>The detector: an alarm when it reaches the bound.</summary>
    public double Evidence => sums.Average();

    /// <summary>Whether it has.</summary>
    public bool IsAlarm => Evidence >= Bound;

    /// <summary>What speaks loudest.</summary>
    public LossChangeKind Kind => (LossChangeKind)Array.IndexOf(sums, sums.Max());

    /// <summary>The lead, counted from 0, from which on it seems to be so.</summary>
    public int Since => since[(int)Kind];

    /// <summary>Adds the next lead.</summary>
    /// <param name="probability">What was said of it, in [0, 1].</param>
    /// <param name="converted">What became of it.</param>
    /// <exception cref="ArgumentException">The probability is NaN or outside [0, 1].</exception>
    public void Add(double probability, bool converted)
    {
        if (!(probability is >= 0 and <= 1)) throw new ArgumentException($"The probability is {probability:R}, outside [0, 1].", nameof(probability));
        var p = Math.Clamp(probability, Clip, 1 - Clip);
        var logOdds = LogOdds(p);
        for (var k = 0; k < sums.Length; k++)
        {
            var q = Probability(k switch { 0 => DrawnIn(logOdds, usual), 1 => logOdds + Moved, _ => logOdds - Moved });
            var ratio = converted ? q / p : (1 - q) / (1 - p);
            sums[k] = (sums[k] + 1) * ratio;
            if (page[k] <= 0) (page[k], since[k]) = (0, Rows);
            page[k] += Math.Log(ratio);
        }

        Rows++;
    }

    /// <summary>How much better a lead's outcome is explained by scores that tell half as much: the logarithm of the likelihood ratio.</summary>
    /// <param name="probability">What was said of it, in [0, 1].</param>
    /// <param name="converted">What became of it.</param>
    /// <param name="usualRate">Usual conversion rate, in (0, 1).</param>
    internal static double WeakerRanking(double probability, bool converted, double usualRate)
    {
        var p = Math.Clamp(probability, Clip, 1 - Clip);
        var q = Probability(DrawnIn(LogOdds(p), LogOdds(usualRate)));
        return Math.Log(converted ? q / p : (1 - q) / (1 - p));
    }

    private static double DrawnIn(double logOdds, double usual) => usual + (Drawn * (logOdds - usual));

    private static double LogOdds(double p) => Math.Log(p / (1 - p));

    private static double Probability(double logOdds) => 1 / (1 + Math.Exp(-logOdds));
}
