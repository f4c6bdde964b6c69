namespace LeadScoring.Ml.Training;

/// <summary>How a training is judged. Nothing here changes the model.</summary>
public sealed record EvaluationSettings
{
    /// <summary>Share of the leads that the team can work on. Default 0.1; above 0, at most 1. <see cref="LeadsPerWeek"/> goes before it where rows carry their time.</summary>
    public double Capacity { get; init; } = 0.1;

    /// <summary>Leads that the team can work on in a week; null when not said.</summary>
    public double? LeadsPerWeek { get; init; }

    /// <summary>Share of the newest rows that the forward test takes. Default 0.2; 0.01 to 0.9.</summary>
    public double ForwardShare { get; init; } = 0.2;

    /// <summary>Whether the forward test is made: it costs a second training. Default true.</summary>
    public bool Forward { get; init; } = true;

    /// <summary>Whether the learning curve is drawn: it costs about two fits of all members more. Default true.</summary>
    public bool LearningCurve { get; init; } = true;

    /// <summary>Fewest rows of a segment or group. Default 100; 20 to 1,000,000.</summary>
    public int FewestRows { get; init; } = 100;

    /// <summary>Lowest score that counts as picked in the fairness report. Default 85, grade A; 0.1 to 99.9.</summary>
    public double FairnessThreshold { get; init; } = 85;

    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public void Validate()
    {
        if (!(Capacity is > 0 and <= 1)) throw new ArgumentException($"capacity {Capacity} is not in 0..1");
        if (LeadsPerWeek is { } week && !(week > 0 && double.IsFinite(week))) throw new ArgumentException($"leads_per_week {week} must be above 0");
        if (!(ForwardShare is >= 0.01 and <= 0.9)) throw new ArgumentException($"forward_share {ForwardShare} is not in 0.01..0.9");
        if (FewestRows is < 20 or > 1_000_000) throw new ArgumentException($"fewest_rows {FewestRows} is not in 20..1,000,000");
        if (!(FairnessThreshold is >= 0.1 and <= 99.9)) throw new ArgumentException($"fairness_threshold {FairnessThreshold} is not in 0.1..99.9");
    }
}

/// <summary>What is known of rows beside their features and labels.</summary>
public sealed record RowFacts
{
    /// <summary>Nothing beside.</summary>
    public static readonly RowFacts None = new();

    /// <summary>Person of each row (from e-mail, phone or name), null where unknown; null when nothing is known. Length rows.</summary>
    public string?[]? People { get; init; }

    /// <summary>The split was given by hand: people on both sides are reported, not moved.</summary>
    public bool KeepSides { get; init; }

    /// <summary>Sensitive attributes that are no features: name to each row's value, null where unknown. Length rows each.</summary>
    public IReadOnlyDictionary<string, string?[]> Sensitive { get; init; } = new Dictionary<string, string?[]>();

    /// <summary>
    /// Rows as of this moment or earlier have had their whole horizon, Unix ms; null when all have. Of younger rows only those
    /// are there whose outcome is known already: to train on they are good, to measure a base rate on they are not.
    /// </summary>
    public long? MatureUntilMs { get; init; }

    /// <summary>Since when outcomes follow the present rule, as the champion's training found it, Unix ms; null when it found no change.</summary>
    public long? RuleSinceMs { get; init; }
}
