using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Attributes of a lead: what may come in, how they are kept (one JSON object, names in ordinal order) and merged.</summary>
internal static class LeadAttributes
{
    internal const int MaxCount = 500;
    internal const int MaxNameLength = 200;
    internal const int MaxTextLength = 4_000;
    private const int MaxListLength = 1_000;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Reads an attributes object into name -> JSON text (null removes the attribute); faults go to <paramref name="item"/>.</summary>
    internal static SortedDictionary<string, string?> Read(ItemReader item, JsonElement attributes, string pointer)
    {
        var patch = new SortedDictionary<string, string?>(StringComparer.Ordinal);
        if (attributes.ValueKind != JsonValueKind.Object)
        {
            item.Errors.Add(new FieldError(pointer, "attributes must be an object of names and values."));
            return patch;
        }

        foreach (var member in attributes.EnumerateObject())
        {
            string name;
            try
            {
                name = member.Name;
            }
            catch (InvalidOperationException)
            {
                item.Errors.Add(new FieldError(pointer, "An attribute name is not valid text (half a surrogate pair)."));
                continue;
            }

            var fault = ItemReader.Check("An attribute name", name, MaxNameLength) ?? TryFormat(member.Value, out var json, out var valueFault) switch
            {
                true => Remember(patch, name, json),
                false => valueFault,
            };
            if (fault is not null) item.Errors.Add(new FieldError(JsonPointer.Append(pointer, name), fault));
        }

        if (patch.Count > MaxCount) item.Errors.Add(new FieldError(pointer, $"A lead has at most {MaxCount} attributes; these are {patch.Count}."));
        return patch;
    }

    /// <summary>JSON text of an attribute that came as text, from a CSV say.</summary>
    internal static string FromText(string text) => Written(writer => writer.WriteStringValue(text));

    /// <summary>What is stored after <paramref name="patch"/>: given names overwrite, nulls remove, the rest stays.</summary>
    internal static string Merge(string storedJson, IReadOnlyDictionary<string, string?> patch, out int count)
    {
        var merged = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (storedJson.Length > 2)
        {
            using var stored = JsonDocument.Parse(storedJson);
            foreach (var member in stored.RootElement.EnumerateObject()) merged[member.Name] = member.Value.GetRawText();
        }

        foreach (var (name, json) in patch)
        {
            if (json is null) merged.Remove(name);
            else merged[name] = json;
        }

        count = merged.Count;
        return Written(writer =>
        {
            writer.WriteStartObject();
            foreach (var (name, json) in merged)
            {
                writer.WritePropertyName(name);
                writer.WriteRawValue(json, skipInputValidation: true);
            }

            writer.WriteEndObject();
        });
    }

    /// <summary>Stored JSON as feature extraction takes it.</summary>
    internal static Dictionary<string, AttributeValue> Values(string storedJson)
    {
        var values = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);
        if (storedJson.Length <= 2) return values;
        using var document = JsonDocument.Parse(storedJson);
        foreach (var member in document.RootElement.EnumerateObject()) values[member.Name] = AttributeValue.From(member.Value);
        return values;
    }

    private static string? Remember(SortedDictionary<string, string?> patch, string name, string? json)
    {
        patch[name] = json;
        return null;
    }

    private static bool TryFormat(JsonElement value, out string? json, out string? fault)
    {
        json = fault = null;
        switch (value.ValueKind)
        {
            case JsonValueKind.Null:
                return true;
            case JsonValueKind.String:
                // Re-written so that "\u0041" and "A" are one spelling: an unchanged lead must look unchanged.
                if (ItemReader.TryText(value) is not { } text) fault = "The text is not valid (half a surrogate pair).";
                else if (text.Length > MaxTextLength) fault = $"Text has at most {MaxTextLength:N0} characters.";
                else json = FromText(text);
                return fault is null;
            case JsonValueKind.Array:
                var parts = new List<string>();
                foreach (var element in value.EnumerateArray())
                {
                    if (element.ValueKind is JsonValueKind.Array or JsonValueKind.Object) fault = "A list holds texts, numbers and truth values only.";
                    else if (TryFormat(element, out var part, out fault)) parts.Add(part ?? "null");
                    if (parts.Count > MaxListLength) fault = $"A list has at most {MaxListLength:N0} entries.";
                    if (fault is not null) return false;
                }

                json = "[" + string.Join(',', parts) + "]";
                return true;
            case JsonValueKind.Object:
                fault = "Nested objects are not supported: send their members as attributes of their own, such as address_city.";
                return false;
            default:
                json = value.GetRawText();
                return true;
        }
    }

    private static string Written(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream(256);
        using (var writer = new Utf8JsonWriter(buffer, Readable)) write(writer);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
