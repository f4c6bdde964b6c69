using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Which part of the model a score rests on.</summary>
public enum ScoredBy
{
    /// <summary>All members.</summary>
    Ensemble,

    /// <summary>The primary member with its own calibration (scoring_type quick).</summary>
    Primary,

    /// <summary>The profile's rules: there is no usable model.</summary>
    Rules,
}

/// <summary>What a feature did to a score, by name: stored with the score, never computed again.</summary>
/// <param name="Points">Rounded to three decimals.</param>
/// <param name="Text">In words; null in rows of earlier versions.</param>
/// <param name="BaseRate">How leads of the same kind convert; null when nothing is known of them.</param>
internal sealed record FeaturePoints(string Feature, double Points, string? Text = null, BaseRate? BaseRate = null);

/// <summary>How much experience a score rests on.</summary>
public enum RestsOnStage
{
    /// <summary>The profile's points alone.</summary>
    Rules,

    /// <summary>The points, corrected by the outcomes seen so far.</summary>
    PriorAndData,

    /// <summary>A model learned from outcomes.</summary>
    Model,
}

/// <summary>What a score rests on.</summary>
/// <param name="Stage">rules, prior_and_data or model.</param>
/// <param name="Outcomes">Outcomes that were learned from.</param>
/// <param name="Converted">Conversions among them.</param>
public sealed record RestsOn(RestsOnStage Stage, int Outcomes, int Converted);

/// <summary>Why a score is another than the one before.</summary>
public enum ChangeCause
{
    /// <summary>There was none before.</summary>
    First,

    /// <summary>Mostly what became known of the lead.</summary>
    NewData,

    /// <summary>Mostly the passing of time.</summary>
    ElapsedTime,

    /// <summary>Mostly another model, rules instead of a model, or the other way round.</summary>
    Model,

    /// <summary>Mostly the same model with its probabilities moved to another base rate.</summary>
    Calibration,

    /// <summary>The score is the same; bounds between the grades moved, or an exclusion came or went.</summary>
    Grades,
}

/// <summary>A change of score taken apart; the parts sum to the difference of the two scores, in points.</summary>
internal sealed record ScoreChange(double NewData, double ElapsedTime, double Model, double Calibration)
{
    internal static ScoreChange Of(double newData, double elapsedTime, double model, double calibration) =>
        new(Math.Round(newData, 1), Math.Round(elapsedTime, 1), Math.Round(model, 1), Math.Round(calibration, 1));

    /// <summary>The largest part; of equal ones the one that is named first.</summary>
    internal ChangeCause Cause
    {
        get
        {
            ReadOnlySpan<(ChangeCause Cause, double Points)> parts = [(ChangeCause.NewData, NewData), (ChangeCause.Model, Model), (ChangeCause.Calibration, Calibration), (ChangeCause.ElapsedTime, ElapsedTime)];
            var most = (Cause: ChangeCause.Grades, Points: 0.0);
            foreach (var part in parts) most = Math.Abs(part.Points) > Math.Abs(most.Points) ? part : most;
            return most.Cause;
        }
    }

    /// <summary>The same change seen from another score before: what came in between counts as new data.</summary>
    internal ScoreChange From(double assumed, double actual) => Of(NewData + assumed - actual, ElapsedTime, Model, Calibration);
}

/// <summary>A score before it becomes an answer.</summary>
/// <param name="BasePoints">Points of the average lead; with all factors it sums to the score.</param>
/// <param name="Factors">All features that did something, largest first; null when they were not asked for.</param>
/// <param name="Values">Values of the lead, in the profile's order.</param>
/// <param name="Exclusion">Why the lead is not worked whatever its score; null when nothing speaks against it.</param>
internal sealed record ScoreResult(
    LeadScore Score, char Grade, bool NeedsReview, ScoredBy ScoredBy, int? ModelVersion, long ScoredAtMs,
    double BasePoints, IReadOnlyList<FeaturePoints>? Factors, ReadOnlyMemory<FeatureValue> Values, Recommendation Recommendation, Exclusion? Exclusion, RestsOn RestsOn)
{
    /// <summary>What the lead is drawn for whatever its score; null when nothing is drawn.</summary>
    internal LeadSlice? Slice { get; init; }

    /// <summary>Where the conversion rate of leads scored like this one will lie; null when rules scored.</summary>
    internal ConversionInterval? Interval { get; init; }

    /// <summary>Why a person should look at it; null when nobody need.</summary>
    internal string? ReviewReason { get; init; }
}
