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

    /// <summary>Reads an attributes object: name -> value, missing for null; faults go to <paramref name="item"/>.</summary>
    internal static Dictionary<string, AttributeValue> Read(ItemReader item, JsonElement attributes, string pointer)
    {
        if (attributes.ValueKind != JsonValueKind.Object)
        {
            item.Errors.Add(new FieldError(pointer, "attributes must be an object of names and values."));
            return [];
        }

        var values = new Dictionary<string, AttributeValue>(attributes.GetPropertyCount(), StringComparer.Ordinal);
        foreach (var member in attributes.EnumerateObject())
        {
            var known = NameTable.Find(member);
            var name = known ?? TryName(member);
            if (name is null)
            {
                item.Errors.Add(new FieldError(pointer, "An attribute name is not valid text (half a surrogate pair)."));
                continue;
            }

            var value = AttributeValue.Missing;
            // A name that is known was checked when it first came.
            var fault = (known is null ? ItemReader.Check("An attribute name", name, MaxNameLength) : null) ?? Read(member.Value, out value);
            if (fault is null) values[name] = value;
            else item.Errors.Add(new FieldError(JsonPointer.Append(pointer, name), fault));
        }

        if (values.Count > MaxCount) item.Errors.Add(new FieldError(pointer, $"A lead has at most {MaxCount} attributes; these are {values.Count}."));
        return values;
    }

    /// <summary>An attributes object that was read without fault, as it is stored: name -> JSON text; null removes.</summary>
    internal static Dictionary<string, string?> Format(JsonElement attributes)
    {
        var texts = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var member in attributes.EnumerateObject()) texts[member.Name] = member.Value.ValueKind == JsonValueKind.Null ? null : FormatValue(member.Value);
        return texts;
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

    /// <summary>The name, remembered for the next lead; null when it is not valid text.</summary>
    private static string? TryName(JsonProperty member)
    {
        try
        {
            var name = member.Name;
            if (ItemReader.Check("", name, MaxNameLength) is null) NameTable.Remember(member, name);
            return name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Null when the value can be an attribute, else why not.</summary>
    private static string? Read(JsonElement json, out AttributeValue value)
    {
        value = AttributeValue.Missing;
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                if (ItemReader.TryText(json) is not { } text) return "The text is not valid (half a surrogate pair).";
                if (text.Length > MaxTextLength) return $"Text has at most {MaxTextLength:N0} characters.";
                value = AttributeValue.From(text);
                return null;
            case JsonValueKind.Array:
                var count = 0;
                foreach (var element in json.EnumerateArray())
                {
                    if (element.ValueKind is JsonValueKind.Array or JsonValueKind.Object) return "A list holds texts, numbers and truth values only.";
                    if (Read(element, out _) is { } fault) return fault;
                    if (++count > MaxListLength) return $"A list has at most {MaxListLength:N0} entries.";
                }

                value = AttributeValue.From(json);
                return null;
            case JsonValueKind.Object:
                return "Nested objects are not supported: send their members as attributes of their own, such as address_city.";
            default:
                value = AttributeValue.From(json);
                return null;
        }
    }

    /// <summary>Texts are re-written so that "\u0041" and "A" are one spelling: an unchanged lead must look unchanged.</summary>
    private static string FormatValue(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => FromText(value.GetString()!),
        JsonValueKind.Array => "[" + string.Join(',', value.EnumerateArray().Select(FormatValue)) + "]",
        _ => value.GetRawText(),
    };

    private static string Written(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream(256);
        using (var writer = new Utf8JsonWriter(buffer, Readable)) write(writer);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
