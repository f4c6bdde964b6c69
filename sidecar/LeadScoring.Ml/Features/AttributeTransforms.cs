using System.Globalization;

namespace LeadScoring.Ml.Features;

internal static class AttributeTransforms
{
    /// <summary>The transformed number, NaN where the attribute is not of the right sort. A date after the as-of moment counts as that moment.</summary>
    internal static double Apply(string transform, AttributeValue value, long asOfMs)
    {
        switch (transform)
        {
            case "count":
                return value.AsNumber();
            case "slope":
                return Slope(value.AsList());
        }

        if (!value.TryGetMoment(out var at)) return double.NaN;
        var moment = DateTimeOffset.FromUnixTimeMilliseconds(at);
        return transform switch
        {
            "days_since" => Math.Max(0, asOfMs - at) / (double)ActivityState.DayMs,
            "years_since" => Math.Max(0, asOfMs - at) / (double)ActivityState.DayMs / 365.2425,
            "hour" => moment.Hour,
            "weekday" => ((int)moment.DayOfWeek + 6) % 7,
            "month" => moment.Month,
            _ => double.NaN,
        };
    }

    /// <summary>Least-squares slope over positions 0..n-1; NaN below two finite values.</summary>
    internal static double Slope(ReadOnlySpan<double> y)
    {
        double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
        for (var x = 0; x < y.Length; x++)
        {
            if (!double.IsFinite(y[x])) continue;
            n++;
            sx += x;
            sy += y[x];
            sxx += (double)x * x;
            sxy += x * y[x];
        }

        return n < 2 ? double.NaN : ((n * sxy) - (sx * sy)) / ((n * sxx) - (sx * sx));
    }
}

internal static class BooleanText
{
    /// <summary>1, 0, or NaN: numbers by being non-zero, text by the usual words of exports.</summary>
    internal static double Parse(AttributeValue value)
    {
        if (value.Kind == AttributeKind.Number) return value.AsNumber() != 0 ? 1 : 0;
        return value.AsText()?.ToLowerInvariant() switch
        {
            "true" or "yes" or "y" or "t" or "on" or "1" or "ja" or "oui" or "si" => 1,
            "false" or "no" or "n" or "f" or "off" or "0" or "nein" or "non" => 0,
            _ => double.NaN,
        };
    }
}

internal static class BandText
{
    /// <summary>"under 25", "25-34", "65+" for whole bounds; bounds ascend.</summary>
    internal static string[] All(IReadOnlyList<double> bands) => [.. Enumerable.Range(0, bands.Count + 1).Select(i => Name(bands, i))];

    /// <summary>How many bounds the number reaches: its place among <see cref="All"/>.</summary>
    internal static int IndexOf(double[] bands, double number)
    {
        var i = 0;
        while (i < bands.Length && number >= bands[i]) i++;
        return i;
    }

    private static string Name(IReadOnlyList<double> bands, int i)
    {
        if (i == 0) return $"under {Text(bands[0])}";
        if (i == bands.Count) return $"{Text(bands[^1])}+";
        var whole = bands[i - 1] % 1 == 0 && bands[i] % 1 == 0 && bands[i] - bands[i - 1] >= 2;
        return $"{Text(bands[i - 1])}-{Text(whole ? bands[i] - 1 : bands[i])}";
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
