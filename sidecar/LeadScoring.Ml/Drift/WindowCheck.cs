namespace LeadScoring.Ml.Drift;

/// <summary>One window of recent leads against training.</summary>
/// <param name="ByFeature">A result a feature, in the order of the reference.</param>
/// <param name="Prediction">The probabilities; null when they were not given.</param>
public sealed record WindowCheck(IReadOnlyList<FeatureDrift> ByFeature, FeatureDrift? Prediction)
{
    /// <summary>Lengths of windows among which the false alarms are dealt out: one, and <see cref="LongWindow"/> of them together.</summary>
    public const int Lengths = 2;

    /// <summary>Short windows in a long one, which finds what is too small or too gradual for a short one.</summary>
    public const int LongWindow = 4;

    /// <summary>Whether anything drifted.</summary>
    public bool IsAlarm => ByFeature.Any(f => f.Tests.Any(t => t.IsAlarm)) || Prediction?.Tests.Any(t => t.IsAlarm) == true;

    /// <summary>Checks a window. The same input gives the same result.</summary>
    /// <param name="reference">Training, a feature each.</param>
    /// <param name="sample">Recent leads, counted in the reference's cells.</param>
    /// <param name="predictions">Probabilities in training, and recent ones in the same cells; null when there are none.</param>
    /// <param name="budget">What may be spent.</param>
    /// <param name="days">Length of the window.</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static WindowCheck Of(IReadOnlyList<FeatureCells> reference, IReadOnlyList<FeatureCells> sample, (FeatureCells Reference, FeatureCells Sample)? predictions, FalseAlarmBudget budget, double days)
    {
        if (reference.Count != sample.Count) throw new ArgumentException($"{reference.Count} features against {sample.Count}", nameof(sample));
        var level = budget.Level(WatchedKind.Feature, days, Math.Max(1, reference.Sum(FeatureDrift.TestsOf)), Lengths);
        // Seeds by feature: the same window checked again gives the same answer, and no feature hangs on another's place.
        return new WindowCheck(
            [.. reference.Select((r, i) => FeatureDrift.Of(r, sample[i], level, i + 1))],
            predictions is { } p ? FeatureDrift.Of(p.Reference, p.Sample, budget.Level(WatchedKind.Prediction, days, 1, Lengths), 0) : null);
    }
}
