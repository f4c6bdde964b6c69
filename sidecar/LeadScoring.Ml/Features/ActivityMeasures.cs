namespace LeadScoring.Ml.Features;

/// <summary>The measures that <c>activity:</c> sources name.</summary>
internal static class ActivityMeasures
{
    private const int TrendWeeks = 8;
    private const int EveningFrom = 18;
    private const int EveningTo = 23;

    /// <summary>The measure as of a moment; NaN when the activity cannot tell.</summary>
    internal static double Measure(FeatureSource source, ActivityState activity, long asOfMs, TimeZoneInfo zone)
    {
        if (activity.Events == 0) return double.NaN;
        return source.Name switch
        {
            "count" => source.Types.Sum(t => (double)activity.Tally(t).Count),
            "rate" => Rate(activity, source.Types),
            "days_since_last" => source.Types.Length == 0
                ? DaysBetween(activity.LastOwnMs, asOfMs)
                : DaysBetween(source.Types.Select(activity.Tally).Where(t => t.Count > 0).Select(t => t.LastMs).DefaultIfEmpty(long.MinValue).Max(), asOfMs),
            "days_since_first" => activity.FirstOwnMs == long.MaxValue ? double.NaN : DaysBetween(activity.FirstOwnMs, asOfMs),
            "visits" => activity.Visits,
            "pages_per_visit" => activity.Visits == 0 ? double.NaN : activity.Pages / (double)activity.Visits,
            "visits_per_week" => VisitsPerWeek(activity, asOfMs),
            "minutes_on_site" => activity.TimeOnSiteMs / 60_000.0,
            "weekend_share" => Share(activity, asOfMs, zone, static hour => hour >= 120),
            "evening_share" => Share(activity, asOfMs, zone, static hour => hour % 24 is >= EveningFrom and < EveningTo),
            "weekly_slope" => WeeklySlope(activity, asOfMs),
            _ => double.NaN,
        };
    }

    private static double Rate(ActivityState activity, string[] types)
    {
        var whole = activity.Tally(types[1]).Count;
        return whole == 0 ? double.NaN : Math.Min(1, activity.Tally(types[0]).Count / (double)whole);
    }

    private static double DaysBetween(long thenMs, long asOfMs) =>
        thenMs == long.MinValue ? double.NaN : Math.Max(0, (double)asOfMs - thenMs) / ActivityState.DayMs; // in doubles: the difference of two longs can overflow

    private static double VisitsPerWeek(ActivityState activity, long asOfMs)
    {
        if (activity.FirstOwnMs == long.MaxValue) return 0;
        // A lead of two days with two visits is not one with seven a week: below a week, the week is the unit.
        return activity.Visits / Math.Max(1, DaysBetween(activity.FirstOwnMs, asOfMs) / 7);
    }

    /// <summary>Share of own activity in the local hours of the week that the filter takes. The zone's offset is the one at the as-of moment.</summary>
    private static double Share(ActivityState activity, long asOfMs, TimeZoneInfo zone, Func<int, bool> takes)
    {
        var shift = (int)Math.Round(zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(asOfMs)).TotalHours);
        int all = 0, taken = 0;
        for (var utc = 0; utc < 168; utc++)
        {
            var count = activity.HoursOfWeek[utc];
            if (count == 0) continue;
            all += count;
            if (takes((utc + shift + 168) % 168)) taken += count;
        }

        return all == 0 ? double.NaN : taken / (double)all;
    }

    /// <summary>Events a week per week: least-squares slope over the last weeks (2 to 8, no more than the lead is old), oldest first.</summary>
    private static double WeeklySlope(ActivityState activity, long asOfMs)
    {
        if (activity.FirstOwnMs == long.MaxValue) return double.NaN;
        var weeks = (int)Math.Clamp(Math.Ceiling(DaysBetween(activity.FirstOwnMs, asOfMs) / 7), 2, TrendWeeks);
        var today = ActivityState.DayOf(asOfMs);
        Span<double> counts = stackalloc double[weeks];
        for (var w = 0; w < weeks; w++)
        {
            var last = today - ((weeks - 1 - w) * 7);
            counts[w] = activity.OwnEventsBetween(last - 6, last);
        }

        return AttributeTransforms.Slope(counts);
    }
}
