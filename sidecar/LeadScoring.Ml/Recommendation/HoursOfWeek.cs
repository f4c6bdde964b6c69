using LeadScoring.Ml.Features;
using NodaTime;

namespace LeadScoring.Ml.Recommendation;

/// <summary>A lead's activity by hour of the week in its own zone, weighed as evidence of when it can be reached.</summary>
/// <remarks>
/// <para>The fold counts by hour of the week in UTC over all time, so the offset of each event is known only by its day. Exact when all activity fell
/// into one offset of a whole number of hours. Else approximate: each hour's events are split among the offsets as the active days of that weekday are,
/// and an offset with half or quarter hours splits an hour's events in proportion.</para>
/// <para>Twenty pages of one visit are one occasion, not twenty: activity is scaled so that its sum is the number of active days. A response counts
/// <see cref="ResponseWeight"/> occasions more.</para>
/// </remarks>
internal static class HoursOfWeek
{
    internal const int Count = 168;

    /// <summary>What an answered call or a reply says more than a visit. A choice, not a measurement.</summary>
    internal const double ResponseWeight = 3;

    private const int MaxOffsets = 4;
    private const double OwnHour = 0.5;
    private const double NextHours = 0.1;
    private const double SameHourOfAnyDay = 0.3;

    // Of moments that a zone can be asked about.
    private const long FirstMs = -2_208_988_800_000;
    private const long LastMs = 32_503_680_000_000;

    /// <summary>Adds a lead's occasions to <paramref name="local"/>, shape (168,), Monday 00:00 first; their sum.</summary>
    internal static double Add(ActivityState activity, DateTimeZone zone, Span<double> local)
    {
        if (activity.FirstOwnMs > activity.LastOwnMs) return 0;
        long events = 0;
        foreach (var count in activity.HoursOfWeek) events += count;
        if (events == 0) return 0;
        Span<int> offsets = stackalloc int[MaxOffsets];
        Span<double> shares = stackalloc double[7 * MaxOffsets];
        var kinds = Offsets(activity, zone, offsets, shares);
        var scale = Math.Min(1, activity.days.Count / (double)events);
        var responses = activity.ResponseHoursOfWeek;
        double sum = 0;
        for (var hour = 0; hour < Count; hour++)
        {
            var weight = activity.HoursOfWeek[hour] * scale;
            if (!responses.IsEmpty) weight += responses[hour] * ResponseWeight;
            if (weight == 0) continue;
            sum += weight;
            for (var k = 0; k < kinds; k++)
            {
                var share = shares[(hour / 24 * MaxOffsets) + k];
                if (share > 0) Place(local, (hour * 60) + offsets[k], weight * share);
            }
        }

        return sum;
    }

    /// <summary>Spreads occasions to the hours that they also speak for: half stays, a fifth goes to the hours beside it, the rest to that hour of all days. The sum stays.</summary>
    internal static void Smooth(ReadOnlySpan<double> local, Span<double> smooth)
    {
        Span<double> ofDay = stackalloc double[24];
        ofDay.Clear();
        for (var hour = 0; hour < Count; hour++) ofDay[hour % 24] += local[hour];
        for (var hour = 0; hour < Count; hour++)
        {
            var beside = local[hour == 0 ? Count - 1 : hour - 1] + local[hour == Count - 1 ? 0 : hour + 1];
            smooth[hour] = (OwnHour * local[hour]) + (NextHours * beside) + (SameHourOfAnyDay / 7 * ofDay[hour % 24]);
        }
    }

    /// <summary>What one occasion leaves in its own hour when it is smoothed.</summary>
    internal const double KeptByOwnHour = OwnHour + (SameHourOfAnyDay / 7);

    /// <summary>Offsets from UTC, in minutes, that the lead's active days had, and each one's share of every UTC weekday; how many offsets there are.</summary>
    private static int Offsets(ActivityState activity, DateTimeZone zone, Span<int> offsets, Span<double> shares)
    {
        var interval = zone.GetZoneInterval(At(activity.FirstOwnMs));
        offsets[0] = interval.WallOffset.Seconds / 60;
        shares.Clear();
        if (!interval.HasEnd || interval.End > At(activity.LastOwnMs))
        {
            for (var day = 0; day < 7; day++) shares[day * MaxOffsets] = 1;
            return 1;
        }

        var kinds = 1;
        Span<double> totals = stackalloc double[7];
        totals.Clear();
        foreach (var (day, count) in activity.days)
        {
            var noon = At((day * ActivityState.DayMs) + (ActivityState.DayMs / 2));
            if (!interval.Contains(noon)) interval = zone.GetZoneInterval(noon);
            var minutes = interval.WallOffset.Seconds / 60;
            var kind = offsets[..kinds].IndexOf(minutes);
            if (kind < 0 && kinds < MaxOffsets) offsets[kind = kinds++] = minutes;
            if (kind < 0) kind = MaxOffsets - 1;
            var weekday = ActivityState.HourOfWeek(day * ActivityState.DayMs) / 24;
            shares[(weekday * MaxOffsets) + kind] += count;
            totals[weekday] += count;
        }

        for (var i = 0; i < shares.Length; i++) shares[i] = totals[i / MaxOffsets] > 0 ? shares[i] / totals[i / MaxOffsets] : 0;
        return kinds;
    }

    private static void Place(Span<double> local, int minuteOfWeek, double weight)
    {
        var minute = ((minuteOfWeek % (Count * 60)) + (Count * 60)) % (Count * 60);
        var (hour, late) = (minute / 60, minute % 60 / 60.0);
        local[hour] += weight * (1 - late);
        if (late > 0) local[hour == Count - 1 ? 0 : hour + 1] += weight * late;
    }

    private static Instant At(long unixMs) => Instant.FromUnixTimeMilliseconds(Math.Clamp(unixMs, FirstMs, LastMs));
}
