using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Training;

/// <summary>What an outcome says for training.</summary>
public enum MaturedLabel
{
    /// <summary>Converted within the horizon.</summary>
    Converted,

    /// <summary>Did not, and will not any more.</summary>
    NotConverted,

    /// <summary>Not converted so far: it may yet.</summary>
    Waiting,
}

/// <summary>Whether an outcome is final. A lead that has not converted yet is not a lead that does not convert.</summary>
/// <remarks>Chapelle (2014), "Modeling Delayed Feedback in Display Advertising": young non-conversions taken for negatives pull every probability down.</remarks>
public static class LabelMaturity
{
    /// <summary>Stages that say "lost for good" in the usual CRMs, lower case with underscores.</summary>
    public static readonly IReadOnlySet<string> UsualLostStages = new HashSet<string>(StringComparer.Ordinal)
    {
        "lost", "closed_lost", "closedlost", "disqualified", "unqualified", "rejected", "declined", "dead", "junk", "not_interested",
    };

    /// <summary>What the outcome says now.</summary>
    /// <param name="converted">Whether the lead converted.</param>
    /// <param name="occurredAtMs">When that became known, Unix ms.</param>
    /// <param name="isFinal">Stated final by who recorded it; null when nothing was said.</param>
    /// <param name="stage">Stage that the outcome names; null when none.</param>
    /// <param name="decisionMs">Decision moment of the row, Unix ms.</param>
    /// <param name="profile">Horizon and lost stages.</param>
    /// <param name="nowMs">Now, Unix ms.</param>
    public static MaturedLabel Of(bool converted, long occurredAtMs, bool? isFinal, string? stage, long decisionMs, FeatureProfile profile, long nowMs)
    {
        var horizonEndsMs = decisionMs + (profile.HorizonDays * ActivityState.DayMs);
        if (converted) return occurredAtMs <= horizonEndsMs ? MaturedLabel.Converted : MaturedLabel.NotConverted;
        if (nowMs >= horizonEndsMs || isFinal == true) return MaturedLabel.NotConverted;
        // Who says "not final" means it, whatever the stage is called.
        return isFinal is null && IsLost(stage, profile) ? MaturedLabel.NotConverted : MaturedLabel.Waiting;
    }

    /// <summary>How long after the decision an outcome became final, ms; at most the horizon.</summary>
    /// <inheritdoc cref="Of" />
    public static long KnownAfterMs(bool converted, long occurredAtMs, bool? isFinal, string? stage, long decisionMs, FeatureProfile profile)
    {
        var horizonMs = profile.HorizonDays * ActivityState.DayMs;
        var isKnown = converted || isFinal == true || (isFinal is null && IsLost(stage, profile));
        return isKnown ? Math.Clamp(occurredAtMs - decisionMs, 0, horizonMs) : horizonMs;
    }

    /// <summary>The count for people; null when nothing waits.</summary>
    /// <param name="waiting">Non-conversions that wait.</param>
    /// <param name="youngConversions">Conversions as young, which count already.</param>
    /// <param name="leftOut">Final outcomes as young that wait with them (see <see cref="YoungOutcomes"/>).</param>
    /// <param name="profile">Whose horizon it is.</param>
    public static string? Message(int waiting, int youngConversions, int leftOut, FeatureProfile profile)
    {
        if (waiting == 0 && leftOut == 0) return null;
        var words = string.Create(CultureInfo.InvariantCulture,
            $"{waiting:N0} non-conversions younger than {profile.HorizonDays} days wait: they may convert yet. They count once the horizon has passed, or when stated final (final: true, or a stage such as lost). {youngConversions:N0} conversions as young count already.");
        return leftOut == 0 ? words : string.Create(CultureInfo.InvariantCulture, $"{words} {leftOut:N0} final outcomes as young wait too: the other kind is known later, and young leads would seem to convert more, or less, often than leads do.");
    }

    private static bool IsLost(string? stage, FeatureProfile profile) =>
        stage is not null && Normal(stage) is var name && (UsualLostStages.Contains(name) || profile.LostStages.Any(s => Normal(s) == name));

    private static string Normal(string stage) => stage.Trim().ToLowerInvariant().Replace(' ', '_').Replace('-', '_');
}
