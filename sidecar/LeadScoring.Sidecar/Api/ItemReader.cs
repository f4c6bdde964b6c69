using System.Text.Json;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Api;

/// <summary>Reads the members of one JSON object of a batch and collects every fault with its pointer.</summary>
/// <remarks>Items of a batch are checked one by one so that a bad one never costs the good ones; hence no model binding here.</remarks>
internal sealed class ItemReader(JsonElement item, string pointer)
{
    internal List<FieldError> Errors { get; } = [];

    internal string Pointer => pointer;

    internal bool IsObject => item.ValueKind == JsonValueKind.Object;

    internal void Fault(string member, string detail) => Errors.Add(new FieldError(JsonPointer.Append(pointer, member), detail));

    internal JsonElement? Member(string name) =>
        IsObject && item.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? value : null;

    /// <summary>Text of 1 to <paramref name="maxLength"/> characters without control characters; numbers are taken as their text (ids often are).</summary>
    internal string? Text(string name, int maxLength, bool required = false)
    {
        if (Member(name) is not { } value) return Missing<string>(name, required);
        var text = value.ValueKind switch
        {
            JsonValueKind.String => TryText(value),
            JsonValueKind.Number => value.GetRawText(),
            _ => null,
        };
        var fault = text is null ? $"{name} must be valid text." : Check(name, text, maxLength);
        if (fault is null) return text;
        Fault(name, fault);
        return null;
    }

    internal long? Moment(string name, bool required = false)
    {
        if (Member(name) is not { } value) return Missing<long?>(name, required);
        var ms = 0L;
        var ok = value.ValueKind switch
        {
            JsonValueKind.String => TryText(value) is { } text && (DateText.TryParse(text, out ms) || (double.TryParse(text, out var epoch) && DateText.TryFromEpoch(epoch, out ms))),
            JsonValueKind.Number => value.TryGetDouble(out var number) && DateText.TryFromEpoch(number, out ms),
            _ => false,
        };
        if (ok) return ms;
        Fault(name, $"{name} must be a moment: ISO 8601 such as 2026-05-31T14:00:00Z, or epoch milliseconds.");
        return null;
    }

    internal double? Number(string name)
    {
        if (Member(name) is not { } value) return null;
        var number = AttributeValue.From(value.ValueKind is JsonValueKind.Number ? value : default);
        if (value.ValueKind == JsonValueKind.String && TryText(value) is { } text) number = AttributeValue.From(NumberText.Parse(text));
        if (!number.IsMissing) return number.AsNumber();
        Fault(name, $"{name} must be a finite number.");
        return null;
    }

    internal bool? Flag(string name, bool required = false)
    {
        if (Member(name) is not { } value) return Missing<bool?>(name, required);
        var number = value.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            JsonValueKind.Number => value.TryGetDouble(out var n) ? n : double.NaN,
            JsonValueKind.String => TryText(value) is { } text ? NumberText.Parse(text) : double.NaN,
            _ => double.NaN,
        };
        if (number is 0 or 1) return number == 1;
        Fault(name, $"{name} must be true or false.");
        return null;
    }

    /// <summary>Null when the text is fine, else what is wrong with it.</summary>
    internal static string? Check(string name, string text, int maxLength) =>
        text.Length == 0 || text.Length > maxLength ? $"{name} must have 1 to {maxLength:N0} characters."
        : HasControl(text) ? $"{name} must not contain control characters."
        : string.IsNullOrWhiteSpace(text) ? $"{name} must not be blank."
        : null;

    private static bool HasControl(string text)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c)) return true;
        }

        return false;
    }

    /// <summary>The string, or null when it holds half a surrogate pair: legal in JSON's grammar, but not text that can be stored.</summary>
    internal static string? TryText(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private T? Missing<T>(string name, bool required)
    {
        if (required) Fault(name, $"{name} is required.");
        return default;
    }
}
