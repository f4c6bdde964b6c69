using System.Globalization;

namespace LeadScoring.Ml.Features;

/// <summary>Numbers as people and exports write them.</summary>
public static class NumberText
{
    private static readonly HashSet<string> MissingTokens = new(StringComparer.OrdinalIgnoreCase)
    {
        "na", "n/a", "#n/a", "nan", "null", "nil", "none", "-", "--", "?", "inf", "-inf", "infinity", "-infinity", "undefined",
    };

    /// <summary>
    /// Parses "12", "-1.5e3", "1,234.5" (thousands), "3,5" (decimal comma), "45 %" (0.45), "$ 1,200". Anything else, and
    /// what is not finite, gives NaN. "1,234" is read as one thousand two hundred and thirty-four.
    /// </summary>
    public static double Parse(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (text.Length is 0 or > 64) return double.NaN;
        if (TryPlain(text, out var plain)) return plain;

        var scale = 1.0;
        if (text[^1] == '%')
        {
            scale = 0.01;
            text = text[..^1].TrimEnd();
        }

        text = text.TrimStart("$€£ ");
        if (TryPlain(text, out plain)) return plain * scale;
        if (text.IndexOf(',') < 0) return Word(text);
        return TryPlain(WithoutCommas(text), out plain) ? plain * scale : double.NaN;
    }

    /// <summary>True for the usual ways to write "no value": NA, n/a, null, NaN, "-", "?" ... and for empty text.</summary>
    public static bool IsMissingToken(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        return text.Length == 0 || (text.Length <= 9 && MissingTokens.GetAlternateLookup<ReadOnlySpan<char>>().Contains(text));
    }

    /// <summary>One spelling for a level that is a whole number: "3.0" and "3.00" become "3"; all other text stays as it is.</summary>
    public static string Canonical(string text)
    {
        var dot = text.IndexOf('.');
        if (dot <= 0 || !char.IsAsciiDigit(text[dot - 1]) || text.AsSpan(dot + 1).ContainsAnyExcept('0') || text.AsSpan(0, dot).TrimStart('-').ContainsAnyExceptInRange('0', '9')) return text;
        return dot == text.Length - 1 || dot > 15 ? text : text[..dot];
    }

    private static bool TryPlain(ReadOnlySpan<char> text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static double Word(ReadOnlySpan<char> text) =>
        text.Equals("true", StringComparison.OrdinalIgnoreCase) || text.Equals("yes", StringComparison.OrdinalIgnoreCase) ? 1
        : text.Equals("false", StringComparison.OrdinalIgnoreCase) || text.Equals("no", StringComparison.OrdinalIgnoreCase) ? 0
        : double.NaN;

    private static string WithoutCommas(ReadOnlySpan<char> text)
    {
        var dot = text.IndexOf('.');
        var whole = dot < 0 ? text : text[..dot];
        var last = whole.LastIndexOf(',');
        // Thousands stand in groups: "1,234" is one, "0,125" and "1234,567" are decimal commas.
        var first = whole[..Math.Max(0, whole.IndexOf(','))].TrimStart("+-");
        var thousands = whole.Length - last - 1 == 3 && first.Length is >= 1 and <= 3 && first[0] != '0';
        return dot < 0 && !thousands && text.Count(',') == 1
            ? text.ToString().Replace(',', '.')
            : thousands ? text.ToString().Replace(",", "", StringComparison.Ordinal) : "?";
    }
}
