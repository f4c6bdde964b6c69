using System.Globalization;
using LeadScoring.Ml.Features;
using NodaTime;

namespace LeadScoring.Ml.Recommendation;

/// <summary>Start of the best allowed hour within the days ahead: the posterior share of the lead's occasions by hour of the week.</summary>
internal static class ContactTime
{
    // Active days, a response counting for more, below which a lead's own hours say nothing.
    private const double LeastOccasions = 3;
    private const long HourMs = 3_600_000;

    // Moments that calendars reach: 1970 to the year 9000. No other clock is meant seriously.
    private const long LastMs = 221_845_305_600_000;

    private static readonly string[] Days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

    /// <summary>The hour, or null and why there is none.</summary>
    /// <param name="AtMs">Start, Unix ms.</param>
    /// <param name="Why">For people.</param>
    /// <param name="Abstained">The lead's own hours had no say.</param>
    internal readonly record struct Choice(long? AtMs, string Why, bool Abstained);

    /// <summary>Hours open to both channels (-1 for none) that are not over; false when there are none.</summary>
    internal static bool TryOpen(FeatureProfile profile, DateTimeZone zone, int first, int second, long asOfMs, out ReadOnlySpan<long> starts, out ReadOnlySpan<byte> hours)
    {
        starts = [];
        hours = [];
        if (asOfMs is < 0 or > LastMs) return false;
        var open = ContactCalendar.Of(profile).Hours(zone, first, second, asOfMs);
        // Never now, always next: who reads this has to get there.
        var earliest = asOfMs + Math.Max(1, profile.Contact.MinimumNoticeMinutes * 60_000L);
        var latest = Math.Max(earliest, asOfMs) + (profile.Contact.MaxDaysAhead * ActivityState.DayMs);
        var from = LowerBound(open.StartsMs, earliest);
        var to = LowerBound(open.StartsMs, latest + 1);
        starts = open.StartsMs.AsSpan(from, to - from);
        hours = open.HoursOfWeek.AsSpan(from, to - from);
        return to > from;
    }

    internal static Choice Of(
        FeatureProfile profile, in LeadSnapshot lead, ContactNorms? norms, char grade, DateTimeZone zone, ZoneSource source, long asOfMs, ReadOnlySpan<long> starts, ReadOnlySpan<byte> hours)
    {
        if (profile.Contact.MaxDaysAheadByGrade.TryGetValue(grade, out var days))
        {
            var within = LowerBound(starts, asOfMs + (days * ActivityState.DayMs) + 1);
            // Nothing open so soon: then as soon as it opens.
            starts = starts[..Math.Max(1, within)];
        }

        Span<double> local = stackalloc double[HoursOfWeek.Count];
        local.Clear();
        var occasions = HoursOfWeek.Add(lead.Activity, zone, local);
        Span<double> smooth = stackalloc double[HoursOfWeek.Count];
        var isKnown = occasions >= LeastOccasions;
        if (isKnown) HoursOfWeek.Smooth(local, smooth);
        var prior = norms is { KnowsHours: true } ? norms.Hours : null;
        var strength = norms is { KnowsHours: true } ? norms.Strength : ContactNorms.UsualStrength;
        var best = 0;
        double most = -1;
        for (var i = 0; i < starts.Length; i++)
        {
            var share = strength * (prior is null ? 1.0 / HoursOfWeek.Count : prior[hours[i]]);
            if (isKnown) share += smooth[hours[i]];
            // The first of equals; what rounding makes of equals is no difference.
            if (share <= most * (1 + 1e-12)) continue;
            (best, most) = (i, share);
        }

        var hasSaid = isKnown && smooth[hours[best]] > 1e-12;
        var when = string.Create(CultureInfo.InvariantCulture, $"{Days[hours[best] / 24]} {hours[best] % 24:00}:00 {zone.Id}{(source switch { ZoneSource.Given => "", ZoneSource.Country => ", by the lead's country", _ => ", the organization's zone: the lead's is unknown" })}");
        var why = hasSaid ? string.Create(CultureInfo.InvariantCulture, $"The open hour in which the lead is most active and answers most ({when}), from {occasions:0.#} occasions weighed against {(prior is null ? "no preference" : "the hours of all leads")}.")
            : prior is not null ? $"The open hour in which the organization's leads are most active ({when}): {Little(isKnown)}."
            : $"The next open hour ({when}): {Little(isKnown)}.";
        return new Choice(starts[best], why, !hasSaid);
    }

    /// <summary>Why there is no hour.</summary>
    internal static string WhyNone(FeatureProfile profile, DateTimeZone zone) =>
        string.Create(CultureInfo.InvariantCulture, $"No hour of the next {profile.Contact.MaxDaysAhead} days is inside business hours ({profile.Zone.Id}), outside quiet hours for the lead ({zone.Id}) and on no holiday.");

    internal static long EndOf(long startMs) => startMs + HourMs;

    private static string Little(bool isKnown) => isKnown ? "the lead is active in closed hours only" : "too little activity of the lead to know better";

    private static int LowerBound(ReadOnlySpan<long> sorted, long value)
    {
        var at = sorted.BinarySearch(value);
        return at < 0 ? ~at : at;
    }
}
