using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Ensemble;

/// <summary>
/// The probability that the decision at 0.5 is right, learned out-of-fold from three signals: distance of the probability from 0.5
/// (in log-odds), disagreement of the members (standard deviation of their probabilities), share of known features.
/// An isotonic map over the regression makes it mean what it says: of leads with confidence c, c are decided rightly.
/// </summary>
/// <param name="regression">Over the three signals.</param>
/// <param name="map">The regression's probability to confidence.</param>
public sealed class ConfidenceModel(LogisticRegression regression, IsotonicCalibrator map)
{
    internal const int Signals = 3;

    /// <summary>The regression over the three signals.</summary>
    public LogisticRegression Regression => regression;

    /// <summary>The regression's probability to confidence.</summary>
    public IsotonicCalibrator Map => map;

    /// <summary>Confidence in (0, 1).</summary>
    /// <param name="probability">Calibrated probability in (0, 1).</param>
    /// <param name="members">Probabilities of the members that scored. At least one.</param>
    /// <param name="knownShare">Share of features that are not missing, 0 to 1.</param>
    public double Confidence(double probability, ReadOnlySpan<double> members, double knownShare)
    {
        Span<float> signals = stackalloc float[Signals];
        Fill(signals, probability, members, knownShare);
        return Math.Clamp(map.Apply(regression.Probability(signals)), 0.001, 0.999);
    }

    /// <summary>How much the members disagree: standard deviation of their probabilities, 0 to 0.5.</summary>
    public static double Disagreement(ReadOnlySpan<double> members)
    {
        double mean = 0, squares = 0;
        foreach (var p in members) mean += p / members.Length;
        foreach (var p in members) squares += (p - mean) * (p - mean) / members.Length;
        return Math.Sqrt(squares);
    }

    internal static void Fill(Span<float> signals, double probability, ReadOnlySpan<double> members, double knownShare)
    {
        signals[0] = (float)Math.Min(8, Math.Abs(Math.Log(probability / (1 - probability))));
        signals[1] = (float)Disagreement(members);
        signals[2] = (float)knownShare;
    }
}
