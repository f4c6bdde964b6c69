using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Api;

/// <summary>Moments on the wire: written as ISO 8601 UTC with Z and milliseconds, read in every form that <see cref="DateText"/> knows.</summary>
internal sealed class MomentConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var ok = reader.TokenType switch
        {
            JsonTokenType.String => DateText.TryParse(reader.GetString(), out var ms) ? (long?)ms : null,
            JsonTokenType.Number => DateText.TryFromEpoch(reader.GetDouble(), out var ms) ? ms : null,
            _ => null,
        };
        return ok is { } unixMs ? DateTimeOffset.FromUnixTimeMilliseconds(unixMs) : throw new JsonException();
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(Text(value));

    /// <summary>Bytes of a moment on the wire.</summary>
    internal const int Length = 24;

    /// <summary>The same text in UTF-8.</summary>
    internal static void Write(DateTimeOffset value, Span<byte> destination) => value.UtcDateTime.TryFormat(destination, out _, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    internal static string Text(DateTimeOffset value) => value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}

internal static class Moment
{
    internal static DateTimeOffset Of(long unixMs) => DateTimeOffset.FromUnixTimeMilliseconds(unixMs);

    internal static DateTimeOffset? Of(long? unixMs) => unixMs is { } ms ? Of(ms) : null;

    internal static long NowMs(this TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();
}
