using System.Globalization;
using System.Text.Json;

namespace LeadScoring.Ml.Features;

/// <summary>What an <see cref="AttributeValue"/> holds.</summary>
public enum AttributeKind : byte
{
    /// <summary>Absent, null, empty text, NaN or infinite.</summary>
    Missing,

    /// <summary>A finite number; booleans are 1 and 0.</summary>
    Number,

    /// <summary>Non-empty text, trimmed.</summary>
    Text,

    /// <summary>A list of finite numbers, or of anything (then only its length is known).</summary>
    List,
}

/// <summary>One attribute of a lead or property of an event, as it came in: number, text, list or missing. Immutable.</summary>
/// <remarks>Never throws on odd input: what cannot be understood is <see cref="AttributeKind.Missing"/>.</remarks>
public readonly struct AttributeValue : IEquatable<AttributeValue>
{
    private static readonly string[] SmallNumbers = [.. Enumerable.Range(0, 256).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    private readonly object? payload;
    private readonly double number;

    private AttributeValue(AttributeKind kind, double number, object? payload)
    {
        Kind = kind;
        this.number = number;
        this.payload = payload;
    }

    /// <summary>What the value holds.</summary>
    public AttributeKind Kind { get; }

    /// <summary>True when there is nothing to use.</summary>
    public bool IsMissing => Kind == AttributeKind.Missing;

    /// <summary>The missing value.</summary>
    public static AttributeValue Missing => default;

    /// <summary>A number; NaN and infinities become missing.</summary>
    public static AttributeValue From(double value) =>
        double.IsFinite(value) ? new AttributeValue(AttributeKind.Number, value, null) : default;

    /// <summary>A boolean, kept as 1 or 0.</summary>
    public static AttributeValue From(bool value) => new(AttributeKind.Number, value ? 1 : 0, value ? "true" : "false");

    /// <summary>Text, trimmed; empty text becomes missing. Numbers as text stay text until a feature asks for a number.</summary>
    public static AttributeValue From(string? text)
    {
        if (text is null) return default;
        var trimmed = text.AsSpan().Trim();
        if (trimmed.Length == 0) return default;
        return new AttributeValue(AttributeKind.Text, double.NaN, trimmed.Length == text.Length ? text : trimmed.ToString());
    }

    /// <summary>A list of numbers; entries that are not finite count towards the length only.</summary>
    public static AttributeValue From(double[] values) => new(AttributeKind.List, double.NaN, values);

    /// <summary>Any JSON value: null is missing, objects keep only their number of members.</summary>
    public static AttributeValue From(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Number => json.TryGetDouble(out var d) ? From(d) : default,
        JsonValueKind.String => From(json.GetString()),
        JsonValueKind.True => From(true),
        JsonValueKind.False => From(false),
        JsonValueKind.Array => From([.. json.EnumerateArray().Select(ElementNumber)]),
        JsonValueKind.Object => From((double)json.EnumerateObject().Count()),
        _ => default,
    };

    /// <summary>The value as a number, NaN when it is not one. Text is parsed (<see cref="NumberText"/>); a list gives its length.</summary>
    public double AsNumber() => Kind switch
    {
        AttributeKind.Number => number,
        AttributeKind.Text => NumberText.Parse((string)payload!),
        AttributeKind.List => ((double[])payload!).Length,
        _ => double.NaN,
    };

    /// <summary>The value as a category level, null when missing. Numbers are written so that 3, "3" and "3.0" are one level.</summary>
    public string? AsText() => Kind switch
    {
        AttributeKind.Number => payload as string ?? Written(number),
        AttributeKind.Text => NumberText.Canonical((string)payload!),
        AttributeKind.List => ((double[])payload!).Length.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    /// <summary>The list's numbers; empty when the value is not a list.</summary>
    public ReadOnlySpan<double> AsList() => Kind == AttributeKind.List ? (double[])payload! : [];

    /// <summary>True and the moment in Unix milliseconds when the value is a date (text or epoch number).</summary>
    public bool TryGetMoment(out long unixMs)
    {
        unixMs = 0;
        return Kind switch
        {
            AttributeKind.Text => DateText.TryParse((string)payload!, out unixMs) || DateText.TryFromEpoch(NumberText.Parse((string)payload!), out unixMs),
            AttributeKind.Number => DateText.TryFromEpoch(number, out unixMs),
            _ => false,
        };
    }

    /// <inheritdoc />
    public bool Equals(AttributeValue other) =>
        Kind == other.Kind && (Kind is AttributeKind.Missing || (Kind == AttributeKind.List
            ? AsList().SequenceEqual(other.AsList())
            : string.Equals(AsText(), other.AsText(), StringComparison.Ordinal)));

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is AttributeValue other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => AsText() is { } text ? StringComparer.Ordinal.GetHashCode(text) : 0;

    /// <summary>Small whole numbers, which most levels are, have their text ready; -0 is written "-0" and is not among them.</summary>
    private static string Written(double number) => number is >= 1 and < 256 && number == (int)number
        ? SmallNumbers[(int)number]
        : number.ToString("R", CultureInfo.InvariantCulture);

    private static double ElementNumber(JsonElement e) => e.ValueKind == JsonValueKind.Number && e.TryGetDouble(out var d) ? d : double.NaN;
}
