using System.Globalization;

namespace LeadScoring.Ml.Bundles;

/// <summary>Text of strangers for a cell of a CSV file that people open in a spreadsheet.</summary>
public static class SpreadsheetCell
{
    /// <summary>The text, with an apostrophe before it where a spreadsheet would take it for a formula; numbers stay as they are.</summary>
    /// <param name="text">Any text.</param>
    /// <remarks>Source: OWASP, "CSV Injection": cells that begin with = + - @, tab or carriage return, also behind white space that spreadsheets trim.</remarks>
    public static string Harmless(string text)
    {
        var shown = text.AsSpan().TrimStart(" \u00a0\ufeff");
        if (shown.IsEmpty || !(shown[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '\uff1d' or '\uff0b' or '\uff0d' or '\uff20')) return text;
        return IsNumber(shown) ? text : "'" + text;
    }

    /// <summary>-5, +1.5e3, -1,200.00: nothing that could call anything.</summary>
    private static bool IsNumber(ReadOnlySpan<char> text) =>
        text.Length > 1 && (char.IsAsciiDigit(text[1]) || text[1] == '.') && double.TryParse(text, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out _);
}
