using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Recommendation;

/// <summary>Start of the best business hour within the next week, from the lead's own hours of activity.</summary>
internal static class ContactTime
{
    private const long HourMs = 3_600_000;

    // Below this the histogram says nothing and the next business hour is as good as any.
    private const int FewestEvents = 5;

    internal static (long? AtMs, string Why) Of(FeatureProfile profile, in LeadSnapshot lead, long asOfMs)
    {
        var zone = lead.Attribute("time_zone").AsText() is { } id && TimeZoneInfo.TryFindSystemTimeZoneById(id, out var own) ? own : profile.Zone;
        var events = 0;
        foreach (var count in lead.Activity.HoursOfWeek) events += count;
        var known = events >= FewestEvents;
        (long AtMs, double Weight)? best = null;
        // Walking in absolute hours and asking the zone for each keeps daylight-saving changes out of the arithmetic.
        var first = ((asOfMs / HourMs) + 1) * HourMs;
        for (var at = first; at < first + (168 * HourMs); at += HourMs)
        {
            var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(at), zone);
            if (!profile.Hours.Days.Contains(((int)local.DayOfWeek + 6) % 7) || local.Hour < profile.Hours.FromHour || local.Hour >= profile.Hours.ToHour) continue;
            var weight = known ? Weight(lead.Activity.HoursOfWeek, ActivityState.HourOfWeek(at)) : 0;
            if (best is null || weight > best.Value.Weight) best = (at, weight);
            if (!known) break;
        }

        if (best is null) return (null, "There is no business hour in the next week.");
        return (best.Value.AtMs, known && best.Value.Weight > 0
            ? string.Create(CultureInfo.InvariantCulture, $"The business hour of the week in which the lead is most active ({events} activities).")
            : "The next business hour: too little activity to know better.");
    }

    /// <summary>Activity in that hour of the week, half as much in its neighbours, and a quarter of the same hour on all days.</summary>
    private static double Weight(ReadOnlySpan<int> hours, int hour)
    {
        double sameHour = 0;
        for (var day = 0; day < 7; day++) sameHour += hours[((day * 24) + (hour % 24)) % 168];
        return hours[hour] + (0.5 * (hours[(hour + 1) % 168] + hours[(hour + 167) % 168])) + (0.25 * sameHour);
    }
}
