using System.Runtime.Intrinsics;
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

    private const double MostLogOdds = 8;

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
        Span<double> confidence = stackalloc double[1];
        Fill(confidence, Vector256.Create(probability), Vector256.Create(Disagreement(members)), Vector256.Create(knownShare));
        return confidence[0];
    }

    /// <summary>Confidence of up to four leads; signals lane by lane.</summary>
    /// <param name="confidences">Receives as many as it is long, 1 to 4.</param>
    /// <param name="probability">Calibrated probabilities.</param>
    /// <param name="disagreement">As <see cref="Disagreement(ReadOnlySpan{double})"/> says.</param>
    /// <param name="knownShare">Shares of known features.</param>
    internal void Fill(Span<double> confidences, Vector256<double> probability, Vector256<double> disagreement, Vector256<double> knownShare)
    {
        var logOdds = Logistic.Log(probability / (Vector256<double>.One - probability));
        var margins = regression.Margins(Rounded(Vector256.MinNative(Vector256.Abs(logOdds), Vector256.Create(MostLogOdds))), Rounded(disagreement), Rounded(knownShare));
        var raw = Logistic.Sigmoid(margins);
        for (var i = 0; i < confidences.Length; i++) confidences[i] = Math.Clamp(map.Apply(raw[i]), 0.001, 0.999);
    }

    /// <summary>How much the members disagree: standard deviation of their probabilities, 0 to 0.5.</summary>
    public static double Disagreement(ReadOnlySpan<double> members)
    {
        double mean = 0, squares = 0;
        foreach (var p in members) mean += p / members.Length;
        foreach (var p in members) squares += (p - mean) * (p - mean) / members.Length;
        return Math.Sqrt(squares);
    }

    /// <summary>The same for four leads, lane by lane the same bits.</summary>
    internal static Vector256<double> Disagreement(Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d)
    {
        var quarter = Vector256.Create(1.0 / EnsembleModel.Members);
        var mean = (a * quarter) + (b * quarter) + (c * quarter) + (d * quarter);
        (a, b, c, d) = (a - mean, b - mean, c - mean, d - mean);
        return Vector256.Sqrt((a * a * quarter) + (b * b * quarter) + (c * c * quarter) + (d * d * quarter));
    }

    internal static void Fill(Span<float> signals, double probability, ReadOnlySpan<double> members, double knownShare)
    {
        signals[0] = (float)Math.Min(MostLogOdds, Math.Abs(Math.Log(probability / (1 - probability))));
        signals[1] = (float)Disagreement(members);
        signals[2] = (float)knownShare;
    }

    /// <summary>To single precision and back: the regression was fitted on signals of single precision.</summary>
    private static Vector256<double> Rounded(Vector256<double> signal) => Vector256.Widen(Vector256.Narrow(signal, signal)).Lower;
}
