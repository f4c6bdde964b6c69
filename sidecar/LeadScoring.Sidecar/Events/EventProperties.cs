using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Events;

/// <summary>Properties of an event as stored JSON. Reading gives back exactly what was folded: the replay must equal the live fold.</summary>
internal static class EventProperties
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    internal static string? ToJson(IReadOnlyDictionary<string, AttributeValue>? properties)
    {
        if (properties is null || properties.Count == 0) return null;
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in properties)
            {
                writer.WritePropertyName(name);
                Write(writer, value);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    internal static Dictionary<string, AttributeValue>? FromJson(string? json)
    {
        if (json is null) return null;
        using var document = JsonDocument.Parse(json);
        var properties = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);
        foreach (var member in document.RootElement.EnumerateObject()) properties[member.Name] = AttributeValue.From(member.Value);
        return properties;
    }

    private static void Write(Utf8JsonWriter writer, AttributeValue value)
    {
        switch (value.Kind)
        {
            case AttributeKind.Number when value.AsText() is "true" or "false":
                writer.WriteBooleanValue(value.AsNumber() == 1);
                break;
            case AttributeKind.Number:
                writer.WriteNumberValue(value.AsNumber());
                break;
            case AttributeKind.Text:
                // AsText folds "3.0" into "3", which reads back as the same number and the same level.
                writer.WriteStringValue(value.AsText());
                break;
            case AttributeKind.List:
                writer.WriteStartArray();
                foreach (var number in value.AsList())
                {
                    if (double.IsFinite(number)) writer.WriteNumberValue(number);
                    else writer.WriteNullValue();
                }

                writer.WriteEndArray();
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }
}
