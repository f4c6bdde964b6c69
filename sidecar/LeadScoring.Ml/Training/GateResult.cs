using System.Text.Json.Serialization;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>What a gate says.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GateVerdict>))]
public enum GateVerdict
{
    /// <summary>As it should be.</summary>
    [JsonStringEnumMemberName("pass")]
    Pass,

    /// <summary>To be looked at; it stops nothing.</summary>
    [JsonStringEnumMemberName("warn")]
    Warn,

    /// <summary>The model is not promoted by itself.</summary>
    [JsonStringEnumMemberName("block")]
    Block,
}

/// <summary>One gate.</summary>
/// <param name="Name">Its name, lower snake case.</param>
/// <param name="Value">The number looked at; NaN where it could not be measured.</param>
/// <param name="Interval">Its 95 % interval; undefined where there is none.</param>
/// <param name="Threshold">What it is held against.</param>
/// <param name="Verdict">What follows.</param>
/// <param name="Reason">In words.</param>
public sealed record GateResult(string Name, double Value, Interval Interval, double Threshold, GateVerdict Verdict, string Reason);

/// <summary>What the gates must know of the champion.</summary>
public sealed record ChampionFacts
{
    /// <summary>Its version, for people.</summary>
    public required int Version { get; init; }

    /// <summary>The model, as trained; null when it does not fit the features or cannot be read.</summary>
    public EnsembleModel? Model { get; init; }

    /// <summary>Its metrics out-of-fold; null when not known.</summary>
    public MetricSet? OutOfFold { get; init; }

    /// <summary>Features that it left out.</summary>
    public IReadOnlyList<string> LeftOutFeatures { get; init; } = [];

    /// <summary>Whether it learned from a row's lead; null when nobody kept that. Length rows.</summary>
    public bool[]? Learned { get; init; }

    /// <summary>Leads that it learned from; 0 when nobody kept that.</summary>
    public int LearnedLeads { get; init; }
}

/// <summary>All gates of one model.</summary>
/// <param name="Gates">Each, those that block first.</param>
/// <param name="ComparedRows">Leads that the champion was compared on; 0 without a comparison.</param>
/// <param name="Comparison">How the two were compared, in words.</param>
public sealed record GateReport(IReadOnlyList<GateResult> Gates, int ComparedRows, string Comparison)
{
    /// <summary>Whether anything blocks.</summary>
    [JsonIgnore]
    public bool IsBlocked => Gates.Any(g => g.Verdict == GateVerdict.Block);
}
