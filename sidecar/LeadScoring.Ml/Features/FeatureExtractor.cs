namespace LeadScoring.Ml.Features;

/// <summary>Turns a lead into feature values as of a moment: the one code path for training and serving.</summary>
/// <remarks>Thread-safe. Never throws on odd values: what cannot be understood is missing.</remarks>
public sealed class FeatureExtractor(FeatureProfile profile)
{
    private readonly FeatureDefinition[] features = [.. profile.Features];

    /// <summary>The profile whose features are extracted.</summary>
    public FeatureProfile Profile => profile;

    /// <summary>Values in the order of the profile's features.</summary>
    /// <param name="lead">The lead; its activity must hold no event after <paramref name="asOfMs"/>.</param>
    /// <param name="asOfMs">The moment that "days since" counts from, Unix ms.</param>
    /// <param name="destination">Receives one value a feature. Length: number of features.</param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public void Extract(in LeadSnapshot lead, long asOfMs, Span<FeatureValue> destination)
    {
        if (destination.Length != features.Length)
            throw new ArgumentException($"destination has {destination.Length} places, the profile {features.Length} features", nameof(destination));
        for (var i = 0; i < features.Length; i++) destination[i] = Value(features[i], lead, asOfMs);
    }

    /// <summary>Values of one lead in a new array, in the order of the profile's features.</summary>
    public FeatureValue[] Extract(in LeadSnapshot lead, long asOfMs)
    {
        var values = new FeatureValue[features.Length];
        Extract(lead, asOfMs, values);
        return values;
    }

    private FeatureValue Value(FeatureDefinition feature, in LeadSnapshot lead, long asOfMs)
    {
        FeatureValue? zero = null;
        foreach (var source in feature.Sources)
        {
            var value = source.IsActivity
                ? FromNumber(feature, ActivityMeasures.Measure(source, lead.Activity, asOfMs, profile.Zone))
                : FromAttribute(feature, source, lead, asOfMs);
            if (value.IsMissing) continue;
            // "None seen" in the event stream yields to a source that knows more: a CRM may bring the count ready-made.
            if (source.IsTotal && value.Number == 0)
            {
                zero ??= value;
                continue;
            }

            return value;
        }

        return zero ?? FeatureValue.Missing;
    }

    private static FeatureValue FromAttribute(FeatureDefinition feature, FeatureSource source, in LeadSnapshot lead, long asOfMs)
    {
        var raw = lead.Attribute(source.Name);
        if (raw.IsMissing) return FeatureValue.Missing;
        if (source.Transform.Length > 0) return FromNumber(feature, AttributeTransforms.Apply(source.Transform, raw, asOfMs));
        // An attribute of the feature's own name brings the level itself; the table is for the others.
        if (feature.Lookup is { } table && source.Name != feature.Name)
            return raw.AsText() is { } key && table.TryGetValue(key, out var level) ? Level(feature, level) : FeatureValue.Missing;
        return feature.Kind switch
        {
            FeatureKind.Numeric => new FeatureValue(Finite(raw.AsNumber()), null),
            FeatureKind.Boolean => new FeatureValue(BooleanText.Parse(raw), null),
            _ => feature.Bands is { } bands && raw.AsNumber() is var number && !double.IsNaN(number)
                ? new FeatureValue(double.NaN, BandText.Of(bands, number))
                : Level(feature, raw.AsText()),
        };
    }

    private static FeatureValue Level(FeatureDefinition feature, string? level)
    {
        if (level is null || NumberText.IsMissingToken(level) && !level.Equals("none", StringComparison.OrdinalIgnoreCase)) return FeatureValue.Missing;
        return feature.Kind == FeatureKind.Categorical ? new FeatureValue(double.NaN, level) : new FeatureValue(NumberText.Parse(level), null);
    }

    private static FeatureValue FromNumber(FeatureDefinition feature, double number)
    {
        if (!double.IsFinite(number)) return FeatureValue.Missing;
        return feature.Kind switch
        {
            FeatureKind.Numeric => new FeatureValue(number, null),
            FeatureKind.Boolean => new FeatureValue(number != 0 ? 1 : 0, null),
            _ => new FeatureValue(double.NaN, feature.Bands is { } bands ? BandText.Of(bands, number) : AttributeValue.From(number).AsText()),
        };
    }

    private static double Finite(double value) => double.IsFinite(value) ? value : double.NaN;
}
