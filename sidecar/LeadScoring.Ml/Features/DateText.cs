using System.Globalization;

namespace LeadScoring.Ml.Features;

/// <summary>Dates as exports write them, to Unix milliseconds (UTC).</summary>
public static class DateText
{
    private static readonly string[] Formats =
    [
        "yyyy-MM-dd", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss.FFFFFFF", "yyyy-MM-ddTHH:mm", "yyyy-MM-ddTHH:mm:ss",
        "yyyy-MM-ddTHH:mm:ss.FFFFFFF", "yyyy-MM-ddTHH:mmK", "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm:ssK", "yyyy/MM/dd",
        "yyyy/MM/dd HH:mm:ss", "yyyyMMdd'T'HHmmss'Z'", "dd.MM.yyyy", "dd.MM.yyyy HH:mm", "dd.MM.yyyy HH:mm:ss", "M/d/yyyy", "M/d/yyyy H:mm", "M/d/yyyy H:mm:ss",
        "M/d/yyyy h:mm tt", "M/d/yyyy h:mm:ss tt", "d MMM yyyy", "MMM d, yyyy", "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    ];

    private static readonly long Earliest = DateTimeOffset.Parse("1900-01-01T00:00:00Z", CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
    private static readonly long Latest = DateTimeOffset.Parse("2200-01-01T00:00:00Z", CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();

    /// <summary>Parses ISO 8601 and the common export formats; a date without offset is UTC. Years outside 1900-2199 are no dates.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out long unixMs)
    {
        unixMs = 0;
        text = text.Trim();
        // Shortest is "1/1/2000"; the check spares the parser every plain number and most words.
        if (text.Length is < 8 or > 40 || !text.ContainsAnyInRange('0', '9') || text.IndexOfAny("-/. T") < 0) return false;
        if (!DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var moment)) return false;
        unixMs = moment.ToUnixTimeMilliseconds();
        return unixMs >= Earliest && unixMs < Latest;
    }

    /// <summary>An epoch number: seconds from 1e8 to 1e10, milliseconds from 1e11 to 1e13.</summary>
    public static bool TryFromEpoch(double number, out long unixMs)
    {
        unixMs = 0;
        if (number is >= 1e8 and < 1e10) unixMs = (long)(number * 1000);
        else if (number is >= 1e11 and < 1e13) unixMs = (long)number;
        else return false;
        return unixMs < Latest;
    }
}
