namespace LeadScoring.Ml.Ensemble;

/// <summary>How the bounds between the grades come about.</summary>
public enum GradeMode
{
    /// <summary>Bounds as given: a grade means a probability.</summary>
    Fixed,

    /// <summary>Shares of the open leads: a grade means a rank.</summary>
    Percentile,

    /// <summary>Numbers of open leads: a grade means that somebody has time for the lead.</summary>
    Capacity,
}

/// <summary>An organization's rule for grades. Immutable.</summary>
public sealed record GradePolicy
{
    /// <summary>Fixed bounds 85, 70 and 50.</summary>
    public static readonly GradePolicy Default = new();

    /// <summary>Points beyond a bound that a lead must go before its grade changes, where bounds move by themselves and nothing else is said.</summary>
    public const double MovingMargin = 2;

    private const double Step = 0.1;

    /// <summary>Default fixed.</summary>
    public GradeMode Mode { get; init; }

    /// <summary>Bounds of the mode fixed, and of the others while there is no open lead.</summary>
    public GradeScale Bounds { get; init; } = GradeScale.Default;

    /// <summary>Mode percentile: largest share of open leads with grade A, B and C, each at least 0, in sum at most 1. Default 0.1, 0.2, 0.3.</summary>
    public IReadOnlyList<double> Shares { get; init; } = [0.1, 0.2, 0.3];

    /// <summary>Mode capacity: largest number of open leads with grade A, B and C, each at least 0. Default 50, 150, 300.</summary>
    public IReadOnlyList<int> Counts { get; init; } = [50, 150, 300];

    /// <summary>Points beyond a bound before a lead's grade changes, 0 to 20; null is 0 for fixed bounds, which are promised to the point, and <see cref="MovingMargin"/> for the others.</summary>
    public double? Hysteresis { get; init; }

    /// <summary>The margin in force.</summary>
    public double Margin => Hysteresis ?? (Mode == GradeMode.Fixed ? 0 : MovingMargin);

    /// <exception cref="ArgumentException">A part is out of range; the message names it.</exception>
    public void Validate()
    {
        Bounds.Validate();
        if (Shares.Count != 3 || Shares.Any(s => !(s is >= 0 and <= 1)) || Shares.Sum() > 1 + 1e-9) throw new ArgumentException("shares: three numbers for A, B and C, each 0 to 1 and together at most 1");
        if (Counts.Count != 3 || Counts.Any(c => c < 0)) throw new ArgumentException("counts: three numbers of leads for A, B and C, each 0 or more");
        if (Margin is not (>= 0 and <= 20)) throw new ArgumentException($"hysteresis {Hysteresis} is not in 0..20");
    }

    /// <summary>The bounds over a population of open leads. Leads with the same score have the same grade, so a grade may hold fewer than its limit, never more.</summary>
    /// <param name="scores">Scores of all open leads that are not excluded, one decimal, any order.</param>
    public GradeScale ScaleOver(IReadOnlyCollection<double> scores)
    {
        if (Mode == GradeMode.Fixed || scores.Count == 0) return Bounds;
        double[] descending = [.. scores.OrderDescending()];
        var bounds = new double[3];
        long limit = 0;
        double share = 0;
        for (var g = 0; g < bounds.Length; g++)
        {
            limit += Counts[g];
            share += Shares[g];
            // The sum of shares carries rounding: 0.1 + 0.2 of ten leads are three.
            bounds[g] = LowestWithin(descending, Mode == GradeMode.Capacity ? limit : (long)Math.Floor((share * descending.Length) + 1e-9));
        }

        return new GradeScale { A = bounds[0], B = bounds[1], C = bounds[2] };
    }

    /// <summary>The lowest bound that at most <paramref name="limit"/> scores reach.</summary>
    private static double LowestWithin(double[] descending, long limit)
    {
        if (limit >= descending.Length) return 0;
        // The first lead that has no place any more; all that score like it have none either.
        return Math.Round(descending[limit] + Step, 1);
    }
}
