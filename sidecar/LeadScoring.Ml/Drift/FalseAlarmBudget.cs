namespace LeadScoring.Ml.Drift;

/// <summary>What is watched, each with its share of the false alarms.</summary>
public enum WatchedKind
{
    /// <summary>Values, missing values and unseen levels of all features together.</summary>
    Feature,

    /// <summary>The model's probabilities.</summary>
    Prediction,

    /// <summary>Ranking and calibration on outcomes.</summary>
    Performance,

    /// <summary>How outcomes follow from what is known of the lead.</summary>
    Concept,
}

/// <summary>How many false alarms may be expected, and what each look may spend of them.</summary>
/// <remarks>
/// The expected number of false alarms is the sum of the levels of all tests made (Bonferroni: whatever hangs together with what). So a quarter's allowance is dealt out beforehand:
/// half to features, a quarter to predictions, an eighth each to performance and concept; within a kind to windows of one and of four lengths, half each; and in a window evenly to its
/// tests. Windows do not overlap and each is tested once, so that looking every hour costs nothing.
/// </remarks>
/// <param name="perQuarter">Expected false alarms in 91 days over everything together. Default of the product 0.2: then two in a quarter come once in sixty.</param>
public sealed class FalseAlarmBudget(double perQuarter)
{
    /// <summary>Days of a quarter.</summary>
    public const double QuarterDays = 91;

    /// <summary>A kind's expected false alarms a quarter.</summary>
    public double Of(WatchedKind kind) => perQuarter * kind switch { WatchedKind.Feature => 0.5, WatchedKind.Prediction => 0.25, _ => 0.125 };

    /// <summary>Level of one test.</summary>
    /// <param name="kind">What is tested.</param>
    /// <param name="windowDays">Length of the window.</param>
    /// <param name="tests">Tests of this kind in it, 1 or more.</param>
    /// <param name="lengths">Among how many lengths of windows the kind's share is dealt out.</param>
    /// <exception cref="ArgumentOutOfRangeException">No test, no length, or a window of no days.</exception>
    public double Level(WatchedKind kind, double windowDays, int tests, int lengths)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tests, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(lengths, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowDays);
        return Math.Min(0.5, Of(kind) / lengths * windowDays / QuarterDays / tests);
    }

    /// <summary>Least number of rows from one false alarm of a sequential test to the next, on average.</summary>
    /// <param name="kind">What is tested.</param>
    /// <param name="rowsPerDay">Rows that come in a day, above 0.</param>
    public double RowsBetweenAlarms(WatchedKind kind, double rowsPerDay) => Math.Max(100, rowsPerDay * QuarterDays / Of(kind));
}
