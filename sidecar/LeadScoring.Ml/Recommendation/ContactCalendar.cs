using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LeadScoring.Ml.Features;
using NodaTime;

namespace LeadScoring.Ml.Recommendation;

/// <summary>The hours that leads of one zone may be contacted in, as of one hour.</summary>
/// <param name="FromHour">Hours since 1970 that it is for.</param>
/// <param name="StartsMs">Starts of allowed hours, ascending, Unix ms: whole hours of the lead's clock.</param>
/// <param name="HoursOfWeek">Hour of the week of each, by the lead's clock.</param>
internal sealed record ContactHours(long FromHour, long[] StartsMs, byte[] HoursOfWeek);

/// <summary>When a profile lets its leads be contacted. Remembers what it worked out: the leads of one zone share it for an hour. Thread-safe.</summary>
/// <remarks>
/// An hour is allowed when all of it, from its start to sixty minutes later, is: in business hours by the organization's clock and on no holiday there (unless
/// machines do it), and not quiet and on no holiday by the lead's clock. Clocks are followed through each change inside the hour.
/// </remarks>
internal sealed class ContactCalendar
{
    private const long MinuteMs = 60_000;
    private const long HourMs = 60 * MinuteMs;
    private static readonly ConditionalWeakTable<FeatureProfile, ContactCalendar> Calendars = [];

    private readonly ConcurrentDictionary<(DateTimeZone Zone, int First, int Second), ContactHours> remembered = new();
    private readonly FeatureProfile profile;
    private readonly DateTimeZone own;
    private readonly HashSet<(int Year, int Month, int Day)> holidays;

    private ContactCalendar(FeatureProfile profile)
    {
        this.profile = profile;
        own = LeadZone.Of(profile.Zone);
        holidays = [.. profile.Contact.Holidays.Select(h => (h.Year ?? 0, h.Month, h.Day))];
    }

    internal static ContactCalendar Of(FeatureProfile profile) => Calendars.GetValue(profile, static p => new ContactCalendar(p));

    /// <summary>Hours that are open to both channels, by their positions in the rules (-1 for none), from the hour of <paramref name="nowMs"/> on.</summary>
    internal ContactHours Hours(DateTimeZone zone, int first, int second, long nowMs)
    {
        var hour = Math.DivRem(nowMs, HourMs).Quotient;
        if (remembered.TryGetValue((zone, first, second), out var known) && known.FromHour == hour) return known;
        var worked = Work(zone, Channel(first), Channel(second), hour);
        remembered[(zone, first, second)] = worked;
        return worked;
    }

    private ContactChannel? Channel(int index) => index < 0 ? null : profile.Contact.Channels[index];

    private ContactHours Work(DateTimeZone zone, ContactChannel? first, ContactChannel? second, long fromHour)
    {
        var starts = new List<long>();
        var hours = new List<byte>();
        var end = (fromHour + 2) * HourMs + (profile.Contact.MinimumNoticeMinutes * MinuteMs) + (profile.Contact.MaxDaysAhead * ActivityState.DayMs);
        var isStaffed = first is { IsAutomated: false } || second is { IsAutomated: false };
        for (var at = fromHour * HourMs; at < end;)
        {
            var interval = zone.GetZoneInterval(Instant.FromUnixTimeMilliseconds(at));
            var offset = interval.WallOffset.Milliseconds;
            // The next whole hour of this clock; past a change of the clock, of the next one.
            var start = at + ((HourMs - ((at + offset) % HourMs)) % HourMs);
            if (interval.HasEnd && start >= interval.End.ToUnixTimeMilliseconds())
            {
                at = interval.End.ToUnixTimeMilliseconds();
                continue;
            }

            if (start < end && IsFree(zone, first, second, start) && (!isStaffed || IsOpen(start)))
            {
                starts.Add(start);
                hours.Add((byte)ActivityState.HourOfWeek(start + offset));
            }

            at = start + MinuteMs;
        }

        return new ContactHours(fromHour, [.. starts], [.. hours]);
    }

    private bool IsOpen(long start) => All(own, start, start + HourMs, (day, from, to) =>
        !IsHoliday(day) && profile.Hours.IsOpen(ActivityState.HourOfWeek(day * ActivityState.DayMs) / 24, from, to));

    private bool IsFree(DateTimeZone zone, ContactChannel? first, ContactChannel? second, long start) => All(zone, start, start + HourMs, (day, from, to) =>
        !IsHoliday(day) && first?.Quiet?.Touches(from, to) != true && second?.Quiet?.Touches(from, to) != true);

    private bool IsHoliday(int day)
    {
        if (holidays.Count == 0) return false;
        var date = DateTime.UnixEpoch.AddDays(day);
        return holidays.Contains((0, date.Month, date.Day)) || holidays.Contains((date.Year, date.Month, date.Day));
    }

    /// <summary>Whether a test holds on every stretch of local time (day since 1970, minutes from and to) that a stretch of time covers.</summary>
    private static bool All(DateTimeZone zone, long fromMs, long toMs, Func<int, int, int, bool> test)
    {
        while (fromMs < toMs)
        {
            var interval = zone.GetZoneInterval(Instant.FromUnixTimeMilliseconds(fromMs));
            var offset = interval.WallOffset.Milliseconds;
            var endMs = interval.HasEnd ? Math.Min(toMs, interval.End.ToUnixTimeMilliseconds()) : toMs;
            var day = ActivityState.DayOf(fromMs + offset);
            var midnightMs = ((day + 1) * ActivityState.DayMs) - offset;
            endMs = Math.Min(endMs, midnightMs);
            var dayStartMs = midnightMs - ActivityState.DayMs;
            // Rounded outwards: seconds belong to their minute.
            if (!test(day, (int)((fromMs - dayStartMs) / MinuteMs), (int)((endMs - dayStartMs + MinuteMs - 1) / MinuteMs))) return false;
            fromMs = endMs;
        }

        return true;
    }
}
