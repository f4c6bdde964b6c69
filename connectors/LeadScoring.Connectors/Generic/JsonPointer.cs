using System.Globalization;
using System.Text.Json;

namespace LeadScoring.Connectors.Generic;

/// <summary>JSON pointers (RFC 6901), with <c>*</c> for all items of an array.</summary>
internal static class JsonPointer
{
    internal static bool IsOne(string? text) => text is not null && (text.Length == 0 || text[0] == '/');

    internal static JsonElement? First(JsonElement at, string? pointer) => pointer is null ? null : All(at, pointer).Select(e => (JsonElement?)e).FirstOrDefault();

    internal static IEnumerable<JsonElement> All(JsonElement at, string pointer)
    {
        IEnumerable<JsonElement> found = [at];
        foreach (var part in pointer.Split('/').Skip(1)) found = found.SelectMany(e => Step(e, part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)));
        return found;
    }

    private static IEnumerable<JsonElement> Step(JsonElement at, string part)
    {
        if (at.ValueKind == JsonValueKind.Object) return at.TryGetProperty(part, out var member) ? [member] : [];
        if (at.ValueKind != JsonValueKind.Array) return [];
        if (part == "*") return at.EnumerateArray();
        return int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var i) && i < at.GetArrayLength() ? [at[i]] : [];
    }

    /// <summary>Text of a text, number or truth value; null for the rest and for nothing.</summary>
    internal static string? Text(JsonElement record, string? pointer) => First(record, pointer) is { } e ? Text(e) : null;

    internal static string? Text(JsonElement e) => e.ValueKind switch
    {
        JsonValueKind.String => string.IsNullOrWhiteSpace(e.GetString()) ? null : e.GetString(),
        JsonValueKind.Number => e.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };

    /// <summary>A moment as ISO 8601, Unix seconds or Unix milliseconds.</summary>
    internal static DateTimeOffset? Moment(JsonElement record, string? pointer)
    {
        if (Text(record, pointer) is not { } text) return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            return number is > 0 and < 253_402_300_800_000 ? DateTimeOffset.FromUnixTimeMilliseconds((long)(number < 100_000_000_000 ? number * 1_000 : number)) : null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
    }
}
