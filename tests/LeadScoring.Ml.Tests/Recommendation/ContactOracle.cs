using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using NodaTime;
using NodaTime.TimeZones;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>What a contact must keep, minute by minute on both clocks and read straight from the scenario: nothing of the code under test is used.</summary>
internal static class ContactOracle
{
    private static readonly string[] Yes = ["yes", "true", "1"];
    private static readonly string[] No = ["no", "false", "0"];

    internal static DateTimeZone ZoneOf(ContactScenario s)
    {
        if (s.LeadZone is { } id)
        {
            if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(id) is { } given) return given;
            if (TzdbDateTimeZoneSource.Default.WindowsMapping.PrimaryMapping.TryGetValue(id, out var mapped)) return DateTimeZoneProviders.Tzdb[mapped];
        }

        return s.Country switch { "DE" or "Germany" => DateTimeZoneProviders.Tzdb["Europe/Berlin"], "JP" => DateTimeZoneProviders.Tzdb["Asia/Tokyo"], "in" => DateTimeZoneProviders.Tzdb["Asia/Kolkata"], _ => s.Own };
    }

    internal static bool IsAllowed(ContactScenario s, string name)
    {
        if (name.Length == 0) return true;
        if (name == "meeting") name = "phone";
        if (s.Rules.Channels.FirstOrDefault(c => c.Name == name) is not { } channel) return false;
        bool Said(string attribute, string[] words) => s.Consent.TryGetValue(attribute, out var word) && words.Contains(word);
        if (Said("do_not_contact", Yes) || Said("do_not_" + name, Yes) || Said(name + "_consent", No) || s.Events.Contains(name + "_opted_out")) return false;
        if (name == "phone" && Said("do_not_call", Yes)) return false;
        if (name == "email" && (Said("unsubscribed", Yes) || s.Events.Contains("unsubscribed"))) return false;
        return !channel.NeedsConsent || Said(name + "_consent", Yes);
    }

    /// <summary>Why a contact from a moment on for an hour would be wrong, or null.</summary>
    internal static string? WhyNot(ContactScenario s, long atMs, params string[] channels)
    {
        var (zone, first) = (ZoneOf(s), Instant.FromUnixTimeMilliseconds(atMs));
        if (atMs <= s.AsOfMs || atMs < s.AsOfMs + (s.Rules.MinimumNoticeMinutes * 60_000L)) return "too soon, or past";
        if (atMs > s.AsOfMs + 60_000L * Math.Max(1, s.Rules.MinimumNoticeMinutes) + (s.Rules.MaxDaysAhead * ActivityState.DayMs)) return "too late";
        var start = first.InZone(zone);
        if (start.Minute != 0 || start.Second != 0 || start.Millisecond != 0) return $"{start} is not the start of a local hour";
        foreach (var name in channels.Where(c => c.Length > 0))
        {
            if (!IsAllowed(s, name)) return $"{name} is forbidden";
            var channel = s.Rules.Channels.First(c => c.Name == (name == "meeting" ? "phone" : name));
            for (var minute = 0; minute < 60; minute++)
            {
                var at = first + Duration.FromMinutes(minute);
                var local = at.InZone(zone).LocalDateTime;
                if (IsHoliday(s, local.Date)) return $"{local} is a holiday of the lead";
                if (channel.Quiet is { } quiet && IsIn(quiet, (local.Hour * 60) + local.Minute)) return $"{local} is quiet for {name}";
                if (channel.IsAutomated) continue;
                var own = at.InZone(s.Own).LocalDateTime;
                if (IsHoliday(s, own.Date)) return $"{own} is a holiday of the organization";
                if (!IsOpen(s, own)) return $"{own} in {s.OwnZone} is closed";
            }
        }

        return null;
    }

    /// <summary>Whether any hour would have done.</summary>
    internal static bool IsAnyPossible(ContactScenario s, params string[] channels)
    {
        // Quarter hours: every whole hour of every clock since 2020 is one.
        const long QuarterMs = 900_000;
        var last = s.AsOfMs + (s.Rules.MaxDaysAhead * ActivityState.DayMs);
        for (var at = ((s.AsOfMs / QuarterMs) + 1) * QuarterMs; at <= last; at += QuarterMs)
        {
            if (WhyNot(s, at, channels) is null) return true;
        }

        return false;
    }

    private static bool IsIn(QuietHours quiet, int minute) =>
        quiet.FromMinute < quiet.ToMinute ? minute >= quiet.FromMinute && minute < quiet.ToMinute : minute >= quiet.FromMinute || minute < quiet.ToMinute;

    private static bool IsHoliday(ContactScenario s, LocalDate date) => s.Rules.Holidays.Any(h => h.Month == date.Month && h.Day == date.Day && (h.Year is null || h.Year == date.Year));

    private static bool IsOpen(ContactScenario s, LocalDateTime own)
    {
        var (day, minute) = ((int)own.DayOfWeek - 1, (own.Hour * 60) + own.Minute);
        return s.Hours.Any(i => i.Day == day && i.FromMinute <= minute && minute < i.ToMinute);
    }
}
