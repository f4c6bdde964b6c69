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
        if (TryIso(text, out unixMs)) return unixMs >= Earliest && unixMs < Latest;
        // Shortest is "1/1/2000"; the check spares the parser every plain number and most words.
        if (text.Length is < 8 or > 40 || !text.ContainsAnyInRange('0', '9') || text.IndexOfAny("-/. T") < 0) return false;
        if (!DateTimeOffset.TryParseExact(text, Formats, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var moment)) return false;
        unixMs = moment.ToUnixTimeMilliseconds();
        return unixMs >= Earliest && unixMs < Latest;
    }

    /// <summary>The forms that systems write, without trying one format after the other; false leaves the decision to the formats.</summary>
    private static bool TryIso(ReadOnlySpan<char> text, out long unixMs)
    {
        unixMs = 0;
        if (text.Length < 10 || text[4] != '-' || text[7] != '-') return false;
        if (!Digits(text, 0, 4, out var year) || !Digits(text, 5, 2, out var month) || !Digits(text, 8, 2, out var day)) return false;
        if (year == 0 || month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month)) return false;
        var ticks = new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Utc).Ticks;
        if (text.Length > 10)
        {
            if (text.Length < 19 || text[10] is not ('T' or ' ') || text[13] != ':' || text[16] != ':') return false;
            if (!Digits(text, 11, 2, out var hour) || !Digits(text, 14, 2, out var minute) || !Digits(text, 17, 2, out var second)) return false;
            if (hour > 23 || minute > 59 || second > 59) return false;
            ticks += ((((hour * 60L) + minute) * 60) + second) * TimeSpan.TicksPerSecond;
            var at = 19;
            if (text[10] == 'T' && at < text.Length && text[at] == '.')
            {
                var digits = 0;
                while (at + 1 + digits < text.Length && char.IsAsciiDigit(text[at + 1 + digits])) digits++;
                if (digits is 0 or > 7 || !Digits(text, at + 1, digits, out var fraction)) return false;
                for (var i = digits; i < 7; i++) fraction *= 10;
                ticks += fraction;
                at += 1 + digits;
            }

            if (!TryOffset(text[at..], out var offset)) return false;
            ticks -= offset;
        }

        unixMs = (ticks / TimeSpan.TicksPerMillisecond) - (DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerMillisecond);   // ticks count from the year 1: rounded down
        return true;
    }

    private static bool TryOffset(ReadOnlySpan<char> text, out long ticks)
    {
        ticks = 0;
        if (text.IsEmpty || text is "Z") return true;
        if (text.Length != 6 || text[0] is not ('+' or '-') || text[3] != ':' || !Digits(text, 1, 2, out var hours) || !Digits(text, 4, 2, out var minutes)) return false;
        ticks = ((hours * 60L) + minutes) * TimeSpan.TicksPerMinute * (text[0] == '-' ? -1 : 1);
        return hours < 14 && minutes < 60;
    }

    private static bool Digits(ReadOnlySpan<char> text, int start, int count, out int number)
    {
        number = 0;
        foreach (var c in text.Slice(start, count))
        {
            if (!char.IsAsciiDigit(c)) return false;
            number = (number * 10) + c - '0';
        }

        return true;
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
