using System.Text.Json.Serialization;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Fairness;

/// <summary>What the fairness gate says.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FairnessVerdict>))]
public enum FairnessVerdict
{
    /// <summary>Nothing could be compared.</summary>
    [JsonStringEnumMemberName("unknown")]
    Unknown,

    /// <summary>Every gap is below the limit.</summary>
    [JsonStringEnumMemberName("pass")]
    Pass,

    /// <summary>A gap is above the limit, but may be so by chance.</summary>
    [JsonStringEnumMemberName("warn")]
    Warn,

    /// <summary>A gap is above the limit beyond chance.</summary>
    [JsonStringEnumMemberName("fail")]
    Fail,
}

/// <summary>One group of people.</summary>
/// <param name="Group">Its name, such as 25-34.</param>
/// <param name="Leads">Leads in it.</param>
/// <param name="Converted">Of them converted.</param>
/// <param name="MeanScore">Mean score / 100.</param>
/// <param name="ConversionRate">Share that converted.</param>
/// <param name="TruePositiveRate">Share of the converted that were picked; NaN below <see cref="GroupFairness.FewestOfAClass"/> of them.</param>
/// <param name="FalsePositiveRate">Share of the others that were picked; NaN below as many of them.</param>
public sealed record GroupFairness(string Group, int Leads, int Converted, double MeanScore, double ConversionRate, double TruePositiveRate, double FalsePositiveRate)
{
    /// <summary>Fewest leads of a class that a rate is taken of.</summary>
    public const int FewestOfAClass = 30;
}

/// <summary>The largest difference between two groups.</summary>
/// <param name="Value">0 to 1; NaN with fewer than two groups.</param>
/// <param name="Interval">95 % bootstrap interval.</param>
public sealed record FairnessGap(double Value, Interval Interval);

/// <summary>How well one thing gives a sensitive attribute away.</summary>
/// <param name="Feature">The feature; all for all that the model uses together.</param>
/// <param name="Group">Group that it tells best from the rest.</param>
/// <param name="Auc">Area under the ROC curve of telling it, 0.5 to 1.</param>
public sealed record ProxyFinding(string Feature, string Group, double Auc);

/// <summary>Fairness towards the groups of one sensitive attribute.</summary>
public sealed record AttributeFairness
{
    /// <summary>Attribute or feature.</summary>
    public required string Attribute { get; init; }

    /// <summary>Whether the model uses it.</summary>
    public bool IsUsed { get; init; }

    /// <summary>Groups with enough leads, by name.</summary>
    public required IReadOnlyList<GroupFairness> Groups { get; init; }

    /// <summary>Leads of unknown or too small groups.</summary>
    public int LeftOver { get; init; }

    /// <summary>Difference in mean score / 100: demographic parity.</summary>
    public required FairnessGap MeanScore { get; init; }

    /// <summary>Difference in true-positive rate at the threshold: equal opportunity.</summary>
    public required FairnessGap TruePositiveRate { get; init; }

    /// <summary>Difference in false-positive rate at the threshold.</summary>
    public required FairnessGap FalsePositiveRate { get; init; }

    /// <summary>The features that give the attribute away best, one by one; best first.</summary>
    public IReadOnlyList<ProxyFinding> Proxies { get; init; } = [];

    /// <summary>All features of the model together; null when not looked at.</summary>
    public ProxyFinding? Together { get; init; }

    /// <summary>The gate.</summary>
    public FairnessVerdict Verdict { get; init; }
}

/// <summary>Fairness of one model on rows it has not seen.</summary>
/// <param name="Threshold">Lowest score that counts as picked.</param>
/// <param name="Limit">Limit of every gap.</param>
/// <param name="Attributes">One entry a sensitive attribute.</param>
/// <param name="Verdict">The worst of them.</param>
public sealed record FairnessReport(double Threshold, double Limit, IReadOnlyList<AttributeFairness> Attributes, FairnessVerdict Verdict);
