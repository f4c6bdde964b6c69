namespace LeadScoring.Ml.Features;

/// <summary>The measures that <c>activity:</c> sources name.</summary>
internal static class ActivityMeasures
{
    private const int TrendWeeks = 8;
    private const int EveningFrom = 18;
    private const int EveningTo = 23;

    /// <summary>Local hours of the week, Monday 00:00 first.</summary>
    private static readonly bool[] WeekendHours = [.. Enumerable.Range(0, 168).Select(hour => hour >= 120)];
    private static readonly bool[] EveningHours = [.. Enumerable.Range(0, 168).Select(hour => hour % 24 is >= EveningFrom and < EveningTo)];

    /// <summary>The measure as of a moment; NaN when the activity cannot tell.</summary>
    /// <param name="source">An activity source.</param>
    /// <param name="activity">The lead's activity.</param>
    /// <param name="asOfMs">The moment, Unix ms.</param>
    /// <param name="zone">Tells which hours are evenings and weekends.</param>
    internal static double Measure(FeatureSource source, ActivityState activity, long asOfMs, ZoneHours zone)
    {
        if (activity.Events == 0) return double.NaN;
        return source.Measure switch
        {
            ActivityMeasure.Count => Count(activity, source.Types),
            ActivityMeasure.Rate => Rate(activity, source.Types),
            ActivityMeasure.DaysSinceLast => DaysBetween(source.Types.Length == 0 ? activity.LastOwnMs : Last(activity, source.Types), asOfMs),
            ActivityMeasure.DaysSinceFirst => activity.FirstOwnMs == long.MaxValue ? double.NaN : DaysBetween(activity.FirstOwnMs, asOfMs),
            ActivityMeasure.Visits => activity.Visits,
            ActivityMeasure.PagesPerVisit => activity.Visits == 0 ? double.NaN : activity.Pages / (double)activity.Visits,
            ActivityMeasure.VisitsPerWeek => VisitsPerWeek(activity, asOfMs),
            ActivityMeasure.MinutesOnSite => activity.TimeOnSiteMs / 60_000.0,
            ActivityMeasure.WeekendShare => Share(activity, zone.ShiftAt(asOfMs), WeekendHours),
            ActivityMeasure.EveningShare => Share(activity, zone.ShiftAt(asOfMs), EveningHours),
            ActivityMeasure.WeeklySlope => WeeklySlope(activity, asOfMs),
            _ => double.NaN,
        };
    }

    private static double Count(ActivityState activity, string[] types)
    {
        var sum = 0.0;
        foreach (var type in types) sum += activity.Tally(type).Count;
        return sum;
    }

    private static long Last(ActivityState activity, string[] types)
    {
        var last = long.MinValue;
        foreach (var type in types)
        {
            var tally = activity.Tally(type);
            if (tally.Count > 0) last = Math.Max(last, tally.LastMs);
        }

        return last;
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

    /// <summary>Share of own activity in the local hours of the week that are marked.</summary>
    private static double Share(ActivityState activity, int shift, bool[] marked)
    {
        int all = 0, taken = 0;
        var hours = activity.HoursOfWeek;
        for (var utc = 0; utc < hours.Length; utc++)
        {
            var count = hours[utc];
            if (count == 0) continue;
            all += count;
            if (marked[(utc + shift + 168) % 168]) taken += count;
        }

        return all == 0 ? double.NaN : taken / (double)all;
    }

    /// <summary>Events a week per week: least-squares slope over the last weeks (2 to 8, no more than the lead is old), oldest first.</summary>
    private static double WeeklySlope(ActivityState activity, long asOfMs)
    {
        if (activity.FirstOwnMs == long.MaxValue) return double.NaN;
        var weeks = (int)Math.Clamp(Math.Ceiling(DaysBetween(activity.FirstOwnMs, asOfMs) / 7), 2, TrendWeeks);
        var today = ActivityState.DayOf(asOfMs);
        Span<double> counts = stackalloc double[TrendWeeks];
        counts = counts[..weeks];
        activity.CountOwnEventsByWeek(today, counts);
        return AttributeTransforms.Slope(counts);
    }
}
