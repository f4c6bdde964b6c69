using System.Text.Json.Serialization;

namespace LeadScoring.Ml.Calibration;

/// <summary>How far probabilities may be trusted as such.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AnchorVerdict>))]
public enum AnchorVerdict
{
    /// <summary>The calibration of the training stands.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>Probabilities were moved to the present base rate.</summary>
    [JsonStringEnumMemberName("reanchored")]
    Reanchored,

    /// <summary>The order of leads is all that may be used.</summary>
    [JsonStringEnumMemberName("rank_only")]
    RankOnly,

    /// <summary>Not even the order: converting leads are no longer scored higher than others.</summary>
    [JsonStringEnumMemberName("ranking_lost")]
    RankingLost,
}

/// <summary>What an anchor rests on.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AnchorMethod>))]
public enum AnchorMethod
{
    /// <summary>Nothing was moved.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>Recent outcomes.</summary>
    [JsonStringEnumMemberName("outcomes")]
    Outcomes,

    /// <summary>Recent leads without outcomes, by EM.</summary>
    [JsonStringEnumMemberName("em")]
    Em,
}

/// <summary>What was looked at to decide on an anchor.</summary>
public sealed record AnchorEvidence
{
    /// <summary>Matured recent outcomes.</summary>
    public int Rows { get; init; }

    /// <summary>Conversions among them.</summary>
    public int Conversions { get; init; }

    /// <summary>Probability of outcomes as far off if the calibration still held.</summary>
    public double P { get; init; } = double.NaN;

    /// <summary>Calibration error of the newer half of the outcomes as the model stands.</summary>
    public double EceBefore { get; init; } = double.NaN;

    /// <summary>The same with an anchor made from what was known before that half.</summary>
    public double EceAfter { get; init; } = double.NaN;

    /// <summary>Lower end of what of <see cref="EceAfter"/> is not chance.</summary>
    public double EceAfterLow { get; init; } = double.NaN;

    /// <summary>Log loss of that half: as it stands, anchored by older outcomes, anchored by EM.</summary>
    public double LogLossBefore { get; init; } = double.NaN;

    /// <summary>Anchored by older outcomes.</summary>
    public double LogLossByOutcomes { get; init; } = double.NaN;

    /// <summary>Anchored by EM.</summary>
    public double LogLossByEm { get; init; } = double.NaN;

    /// <summary>Slope of the outcomes on the log-odds, unshrunk: 1 = the score says as much as it did, 0 = it says nothing any more.</summary>
    public double Slope { get; init; } = double.NaN;

    /// <summary>Lower end of the slope's 95 % interval.</summary>
    public double SlopeLow { get; init; } = double.NaN;

    /// <summary>Upper end of the slope's 95 % interval.</summary>
    public double SlopeHigh { get; init; } = double.NaN;

    /// <summary>Outcomes that intercept and slope look back on, newer ones counting more; 0 when nothing was moved by outcomes.</summary>
    public double Memory { get; init; }

    /// <summary>Groups of leads scored alike whose intervals, as they were to be served before, were held against their outcomes.</summary>
    public int IntervalGroups { get; init; }

    /// <summary>How many of them held: about 9 in 10 in the long run.</summary>
    public int IntervalsHeld { get; init; }

    /// <summary>The finding in words.</summary>
    public string Reason { get; init; } = "";
}

/// <summary>Moves calibrated probabilities to the present without changing the order of leads. Immutable.</summary>
/// <remarks>p' = sigmoid(slope x logit(p) + intercept); slope above 0.</remarks>
public sealed record Anchor
{
    /// <summary>Leaves probabilities as they are.</summary>
    public static readonly Anchor Identity = new();

    /// <summary>Above 0. Default 1.</summary>
    public double Slope { get; init; } = 1;

    /// <summary>In log-odds. Default 0.</summary>
    public double Intercept { get; init; }

    /// <summary>Half-width of conversion intervals that is owed to change between periods, in log-odds, as outcomes have taught it; null: as the training found it.</summary>
    public double? PeriodHalfWidth { get; init; }

    /// <summary>Mean probability of the recent leads as the model stands; NaN when nothing was looked at.</summary>
    public double FromRate { get; init; } = double.NaN;

    /// <summary>Their mean probability with this anchor.</summary>
    public double ToRate { get; init; } = double.NaN;

    /// <summary>What rests on it.</summary>
    public AnchorVerdict Verdict { get; init; } = AnchorVerdict.None;

    /// <summary>Where it comes from.</summary>
    public AnchorMethod Method { get; init; } = AnchorMethod.None;

    /// <summary>What was looked at.</summary>
    public AnchorEvidence Evidence { get; init; } = new();

    /// <summary>Whether probabilities stay as they are.</summary>
    [JsonIgnore]
    public bool IsIdentity => Slope == 1 && Intercept == 0;

    /// <summary>The anchored probability.</summary>
    /// <param name="probability">Calibrated, in [0, 1]; 0 and 1 stay.</param>
    public double Apply(double probability)
    {
        if (IsIdentity || probability is <= 0 or >= 1) return probability;
        return 1 / (1 + Math.Exp(-((Slope * PriorShift.LogOdds(probability)) + Intercept)));
    }

    /// <summary>What <see cref="Apply"/> made of a probability, undone.</summary>
    /// <param name="probability">Anchored, in [0, 1]; 0 and 1 stay.</param>
    public double Undo(double probability)
    {
        if (IsIdentity || probability is <= 0 or >= 1) return probability;
        return 1 / (1 + Math.Exp(-((PriorShift.LogOdds(probability) - Intercept) / Slope)));
    }

    /// <exception cref="ArgumentException">A number is not finite, a width is negative, or the slope would turn the order round.</exception>
    public void Validate()
    {
        if (!(Slope > 0 && double.IsFinite(Slope) && double.IsFinite(Intercept))) throw new ArgumentException($"anchor: slope {Slope} must be above 0 and intercept {Intercept} finite");
        if (PeriodHalfWidth is { } width && !(width >= 0 && double.IsFinite(width))) throw new ArgumentException($"anchor: a half-width of {width} is not a finite number of at least 0");
    }
}
