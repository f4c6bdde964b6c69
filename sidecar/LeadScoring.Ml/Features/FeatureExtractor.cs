using System.Collections.Frozen;

namespace LeadScoring.Ml.Features;

/// <summary>Turns a lead into feature values as of a moment: the one code path for training and serving.</summary>
/// <remarks>
/// Thread-safe. Never throws on odd values: what cannot be understood is missing. Names, tables and bands are resolved once; a call into a caller's span
/// allocates nothing, save where text must be rewritten (a level written "3.0", a number that becomes a level).
/// </remarks>
public sealed class FeatureExtractor
{
    /// <summary>Beyond this many attribute names the test whether a lead has them at all is left out.</summary>
    private const int MaxNames = 512;

    private readonly Feature[] features;
    private readonly FrozenDictionary<string, int> names;
    private readonly ZoneHours zone;

    /// <param name="profile">What leads are described by.</param>
    public FeatureExtractor(FeatureProfile profile)
    {
        Profile = profile;
        zone = new ZoneHours(profile.Zone);
        var found = profile.Features.SelectMany(f => f.Sources).Where(s => !s.IsActivity).Select(s => s.Name).Distinct(StringComparer.Ordinal);
        names = found.Select((name, i) => KeyValuePair.Create(name, i)).ToFrozenDictionary(StringComparer.Ordinal);
        features = [.. profile.Features.Select(f => new Feature(f, names))];
    }

    /// <summary>The profile whose features are extracted.</summary>
    public FeatureProfile Profile { get; }

    /// <summary>Values in the order of the profile's features. Allocates nothing.</summary>
    /// <param name="lead">The lead; its activity must hold no event after <paramref name="asOfMs"/>.</param>
    /// <param name="asOfMs">The moment that "days since" counts from, Unix ms.</param>
    /// <param name="destination">Receives one value a feature. Length: number of features.</param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public void Extract(in LeadSnapshot lead, long asOfMs, Span<FeatureValue> destination)
    {
        if (destination.Length != features.Length)
            throw new ArgumentException($"destination has {destination.Length} places, the profile {features.Length} features", nameof(destination));
        Span<bool> present = stackalloc bool[names.Count <= MaxNames ? names.Count : 0];
        Mark(lead, present);
        for (var i = 0; i < features.Length; i++) destination[i] = Value(features[i], lead, asOfMs, present);
    }

    /// <summary>Values of one lead in a new array, in the order of the profile's features.</summary>
    public FeatureValue[] Extract(in LeadSnapshot lead, long asOfMs)
    {
        var values = new FeatureValue[features.Length];
        Extract(lead, asOfMs, values);
        return values;
    }

    /// <summary>Which of the attribute names the lead may have: leads have few, so that asking each of theirs beats looking for every name of the profile.</summary>
    private void Mark(in LeadSnapshot lead, Span<bool> present)
    {
        if (lead.Attributes is not Dictionary<string, AttributeValue> attributes || attributes.Count > present.Length
            || !(ReferenceEquals(attributes.Comparer, StringComparer.Ordinal) || ReferenceEquals(attributes.Comparer, EqualityComparer<string>.Default)))
        {
            present.Fill(true);
            return;
        }

        present.Clear();
        foreach (var (name, _) in attributes)
        {
            if (names.TryGetValue(name, out var at)) present[at] = true;
        }

        if (lead.CreatedAtMs is not null && names.TryGetValue("created_at", out var created)) present[created] = true;
    }

    private FeatureValue Value(Feature feature, in LeadSnapshot lead, long asOfMs, ReadOnlySpan<bool> present)
    {
        var zero = FeatureValue.Missing;
        for (var s = 0; s < feature.Sources.Length; s++)
        {
            var source = feature.Sources[s];
            FeatureValue value;
            if (source.IsActivity)
                value = feature.FromNumber(ActivityMeasures.Measure(source, lead.Activity, asOfMs, zone));
            else if (present.IsEmpty || present[feature.Names[s]])
                value = FromAttribute(feature, source, lead, asOfMs);
            else
                continue;
            if (value.IsMissing) continue;
            // "None seen" in the event stream yields to a source that knows more: a CRM may bring the count ready-made.
            if (!source.IsTotal || value.Number != 0) return value;
            if (zero.IsMissing) zero = value;
        }

        return zero;
    }

    private static FeatureValue FromAttribute(Feature feature, FeatureSource source, in LeadSnapshot lead, long asOfMs)
    {
        var raw = lead.Attribute(source.Name);
        if (raw.IsMissing) return FeatureValue.Missing;
        if (source.Transform.Length > 0) return feature.FromNumber(AttributeTransforms.Apply(source.Transform, raw, asOfMs));
        // An attribute of the feature's own name brings the level itself; the table is for the others.
        if (feature.Definition.Lookup is { } table && source.Name != feature.Definition.Name)
            return raw.AsText() is { } key && table.TryGetValue(key, out var level) ? Level(feature, level) : FeatureValue.Missing;
        return feature.Definition.Kind switch
        {
            FeatureKind.Numeric => new FeatureValue(Finite(raw.AsNumber()), null),
            FeatureKind.Boolean => new FeatureValue(BooleanText.Parse(raw), null),
            _ => feature.Bands is not null && raw.AsNumber() is var number && !double.IsNaN(number)
                ? new FeatureValue(double.NaN, feature.Band(number))
                : Level(feature, raw.AsText()),
        };
    }

    private static FeatureValue Level(Feature feature, string? level)
    {
        if (level is null || NumberText.IsMissingToken(level) && !level.Equals("none", StringComparison.OrdinalIgnoreCase)) return FeatureValue.Missing;
        return feature.Definition.Kind == FeatureKind.Categorical ? new FeatureValue(double.NaN, level) : new FeatureValue(NumberText.Parse(level), null);
    }

    private static double Finite(double value) => double.IsFinite(value) ? value : double.NaN;

    /// <summary>A feature with what can be worked out beforehand.</summary>
    private sealed class Feature(FeatureDefinition definition, FrozenDictionary<string, int> names)
    {
        private readonly string[] bandNames = definition.Bands is { } bands ? BandText.All(bands) : [];

        internal FeatureDefinition Definition { get; } = definition;

        internal FeatureSource[] Sources { get; } = [.. definition.Sources];

        /// <summary>Position of each source's attribute name; -1 for activity.</summary>
        internal int[] Names { get; } = [.. definition.Sources.Select(s => s.IsActivity ? -1 : names[s.Name])];

        internal double[]? Bands { get; } = definition.Bands?.ToArray();

        internal string Band(double number) => bandNames[BandText.IndexOf(Bands!, number)];

        internal FeatureValue FromNumber(double number)
        {
            if (!double.IsFinite(number)) return FeatureValue.Missing;
            return Definition.Kind switch
            {
                FeatureKind.Numeric => new FeatureValue(number, null),
                FeatureKind.Boolean => new FeatureValue(number != 0 ? 1 : 0, null),
                _ => new FeatureValue(double.NaN, Bands is null ? AttributeValue.From(number).AsText() : Band(number)),
            };
        }
    }
}
