using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Feature values as they would be, whatever the lead's attributes and events say.</summary>
internal static class FeatureOverrides
{
    /// <summary>Reads an object of feature name to value; null means unknown. Faults go to the reader.</summary>
    internal static Dictionary<string, FeatureValue>? Read(ItemReader reader, JsonElement features, FeatureProfile profile)
    {
        if (features.ValueKind != JsonValueKind.Object)
        {
            reader.Fault("features", "features must be an object of feature names and values.");
            return null;
        }

        var overrides = new Dictionary<string, FeatureValue>(StringComparer.Ordinal);
        foreach (var member in features.EnumerateObject())
        {
            var pointer = JsonPointer.Append(JsonPointer.Append(reader.Pointer, "features"), member.Name);
            var at = profile.IndexOf(member.Name);
            if (at < 0) reader.Errors.Add(new FieldError(pointer, $"There is no such feature. Features: {string.Join(", ", profile.Features.Select(f => f.Name))}."));
            else if (Value(profile.Features[at], member.Value) is { } value) overrides[member.Name] = value;
            else reader.Errors.Add(new FieldError(pointer, $"{member.Name} is {Kind(profile.Features[at].Kind)}, or null for unknown."));
        }

        return overrides;
    }

    /// <summary>The values with the overrides in place.</summary>
    internal static void Apply(FeatureProfile profile, IReadOnlyDictionary<string, FeatureValue>? overrides, Span<FeatureValue> values)
    {
        if (overrides is null) return;
        foreach (var (name, value) in overrides)
        {
            if (profile.IndexOf(name) is >= 0 and var at) values[at] = value;
        }
    }

    private static FeatureValue? Value(FeatureDefinition feature, JsonElement value) => (feature.Kind, value.ValueKind) switch
    {
        (_, JsonValueKind.Null) => FeatureValue.Missing,
        (FeatureKind.Numeric, JsonValueKind.Number) => value.TryGetDouble(out var number) && double.IsFinite(number) ? new FeatureValue(number, null) : null,
        (FeatureKind.Boolean, JsonValueKind.True or JsonValueKind.False) => new FeatureValue(value.ValueKind == JsonValueKind.True ? 1 : 0, null),
        (FeatureKind.Categorical, JsonValueKind.String) => ItemReader.TryText(value) is { Length: > 0 } level ? new FeatureValue(double.NaN, level) : null,
        _ => null,
    };

    private static string Kind(FeatureKind kind) => kind switch
    {
        FeatureKind.Numeric => "a number",
        FeatureKind.Boolean => "true or false",
        _ => "a text",
    };
}
