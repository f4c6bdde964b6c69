using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>Who is drawn whatever the score, and whether trainings correct for leads that nobody worked.</summary>
public sealed record SamplingPolicy
{
    /// <summary>Share of new leads that are recommended for contact whatever their score, so that somebody learns what such leads are worth. Default 0; 0 to 0.5.</summary>
    public double ExplorationShare { get; init; }

    /// <summary>Share of new leads that are worked in the order of arrival, whatever their score, to measure what scoring changes. Default 0; 0 to 0.5.</summary>
    public double HoldOutShare { get; init; }

    /// <summary>Draws others of the leads to come when it changes. Default blank; at most 100 characters.</summary>
    public string Salt { get; init; } = "";

    /// <summary>Trainings learn from leads that were worked, each standing for those like it that were not. Default false: it needs every contact to be recorded.</summary>
    public bool CorrectForEffort { get; init; }

    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    internal void Validate()
    {
        if (!(ExplorationShare is >= 0 and <= 0.5)) throw new ArgumentException($"exploration_share {ExplorationShare} is not in 0..0.5");
        if (!(HoldOutShare is >= 0 and <= 0.5)) throw new ArgumentException($"hold_out_share {HoldOutShare} is not in 0..0.5");
        if (Salt is null or { Length: > 100 }) throw new ArgumentException("salt has at most 100 characters");
    }

    /// <summary>What a new lead is drawn for, the same on every replica; null when nothing is drawn.</summary>
    internal LeadSlice? Draw(string leadId)
    {
        if (HoldOutShare == 0 && ExplorationShare == 0) return null;
        var explored = (1 - HoldOutShare) * ExplorationShare;
        if (StableHash.Unit(leadId, $"{Salt}/hold-out") < HoldOutShare) return new LeadSlice(SliceKind.HoldOut, HoldOutShare);
        return StableHash.Unit(leadId, $"{Salt}/exploration") < ExplorationShare ? new LeadSlice(SliceKind.Exploration, explored) : new LeadSlice(SliceKind.Ordinary, 1 - HoldOutShare - explored);
    }
}

/// <summary>What a lead was drawn for.</summary>
internal enum SliceKind
{
    /// <summary>To be worked by its score.</summary>
    Ordinary,

    /// <summary>To be worked whatever its score.</summary>
    Exploration,

    /// <summary>To be worked in the order of arrival.</summary>
    HoldOut,
}

/// <summary>A draw.</summary>
/// <param name="Kind">What for.</param>
/// <param name="Probability">How probable that was.</param>
internal readonly record struct LeadSlice(SliceKind Kind, double Probability)
{
    /// <summary>As stored.</summary>
    internal string Name => Kind switch { SliceKind.Exploration => "exploration", SliceKind.HoldOut => "hold_out", _ => "ordinary" };

    internal static LeadSlice Of(string name, double probability) => new(name switch { "exploration" => SliceKind.Exploration, "hold_out" => SliceKind.HoldOut, _ => SliceKind.Ordinary }, probability);
}
