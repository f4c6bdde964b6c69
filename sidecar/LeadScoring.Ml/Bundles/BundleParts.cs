using System.Text.Json;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Bundles;

/// <summary>JSON forms of the model's parts inside a bundle.</summary>
internal static class BundleParts
{
    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = false,
        // Metrics may be undefined; JSON has no NaN of its own.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        // A null where the model needs a part is a fault of the bundle, found on reading.
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    internal sealed record PreprocessorPart(FeatureEncoder[] Encoders)
    {
        internal static PreprocessorPart Of(Preprocessor p) => new([.. p.Encoders]);

        internal Preprocessor ToModel(FeatureProfile profile) => new(NoNulls(Encoders), [.. profile.Features.Select(f => f.Name)]);
    }

    internal sealed record LayerPart(float[] Weights, float[] Biases);

    internal sealed record NetworkPart(LayerPart[] Layers)
    {
        internal static NetworkPart Of(FeedForwardNetwork n) => new([.. n.Layers.Select(l => new LayerPart(l.Weights.ToArray(), l.Biases.ToArray()))]);

        internal FeedForwardNetwork ToModel() => new([.. NoNulls(Layers).Select(l => new DenseLayer(l.Weights, l.Biases))]);
    }

    internal sealed record RegressionPart(double[] Coefficients, double Intercept)
    {
        internal static RegressionPart Of(LogisticRegression r) => new(r.Coefficients.ToArray(), r.Intercept);

        internal LogisticRegression ToModel() => new(Coefficients, Intercept);
    }

    internal sealed record MapPart(double[] X, double[] Y)
    {
        internal static MapPart Of(IsotonicCalibrator c) => new(c.KnotsX.ToArray(), c.KnotsY.ToArray());

        internal IsotonicCalibrator ToModel() => new(X, Y);
    }

    /// <summary>The serializer checks members for null, not the elements of arrays.</summary>
    private static T[] NoNulls<T>(T[] parts) where T : class => parts.Contains(null) ? throw new FormatException("a part is null") : parts;

    internal sealed record ConfidencePart(RegressionPart Regression, MapPart Map)
    {
        internal static ConfidencePart Of(ConfidenceModel c) => new(RegressionPart.Of(c.Regression), MapPart.Of(c.Map));

        internal ConfidenceModel ToModel() => new(Regression.ToModel(), Map.ToModel());
    }

    internal sealed record IntervalsPart(double[] Probabilities, double[] HalfWidths, double Tau, int Periods)
    {
        internal static IntervalsPart Of(ConversionIntervals i) => new(i.Probabilities.ToArray(), i.HalfWidths.ToArray(), i.Spread.Tau, i.Spread.Periods);

        internal ConversionIntervals ToModel() => new(Probabilities, HalfWidths, new PeriodSpread(Tau, Periods));
    }

    internal sealed record CertaintyPart(ConfidencePart Confidence, ConfidencePart PrimaryConfidence, IntervalsPart Intervals, IntervalsPart PrimaryIntervals)
    {
        internal static CertaintyPart Of(ScoreCertainty c) =>
            new(ConfidencePart.Of(c.Confidence), ConfidencePart.Of(c.PrimaryConfidence), IntervalsPart.Of(c.Intervals), IntervalsPart.Of(c.PrimaryIntervals));

        internal ScoreCertainty ToModel() => new(Confidence.ToModel(), PrimaryConfidence.ToModel(), Intervals.ToModel(), PrimaryIntervals.ToModel());
    }

    internal sealed record CalibrationPart(EnsembleWeights Weights, MapPart Ensemble, MapPart Primary, float[] DenseBaseline);
}
