using System.Globalization;

namespace LeadScoring.Ml.Features;

/// <summary>Reads the parts of a profile that say when and by what leads may be contacted.</summary>
internal static class ContactYaml
{
    private const int MaxDays = 60;
    private const int MaxNoticeMinutes = 30 * 1440;

    internal static BusinessHours Hours(HoursNode? h, List<string> faults)
    {
        if (h is null) return BusinessHours.Default;
        List<string>?[] byDay = [h.Mon, h.Tue, h.Wed, h.Thu, h.Fri, h.Sat, h.Sun];
        var intervals = new List<OpenInterval>();
        if (byDay.Any(d => d is not null))
        {
            if (h.From is not null || h.To is not null || h.Days is not null) faults.Add("business_hours: either from, to and days, or lists by day (mon ... sun)");
            for (var day = 0; day < byDay.Length; day++)
            {
                foreach (var text in byDay[day] ?? [])
                {
                    if (Interval(text) is var (from, to) && from < to) intervals.Add(new OpenInterval(day, from, to));
                    else faults.Add($"business_hours: '{text}' is not a stretch of a day such as 09:00-12:30");
                }
            }

            if (intervals.Count == 0) faults.Add("business_hours: at least one stretch is needed");
            return new BusinessHours(intervals);
        }

        var (first, last, days) = (h.From ?? 9, h.To ?? 18, h.Days ?? [0, 1, 2, 3, 4]);
        if (first >= 0 && last <= 24 && first < last && days.Count > 0 && days.All(x => x is >= 0 and <= 6)) return BusinessHours.Daily(first, last, days);
        faults.Add("business_hours: from must be before to (0..24) and days in 0 (Monday)..6");
        return BusinessHours.Default;
    }

    internal static ContactRules Rules(ContactNode? c, List<string> faults)
    {
        if (c is null) return ContactRules.Default;
        if (c.MinimumNoticeMinutes is < 0 or > MaxNoticeMinutes) faults.Add($"contact.minimum_notice_minutes: {c.MinimumNoticeMinutes} is not in 0..{MaxNoticeMinutes}");
        if (c.MaxDaysAhead is < 1 or > MaxDays) faults.Add($"contact.max_days_ahead: {c.MaxDaysAhead} is not in 1..{MaxDays}");
        var byGrade = new Dictionary<char, int>();
        foreach (var (grade, days) in c.MaxDaysAheadByGrade ?? [])
        {
            if (grade is "A" or "B" or "C" or "D" && days >= 1 && days <= c.MaxDaysAhead) byGrade[grade[0]] = days;
            else faults.Add($"contact.max_days_ahead_by_grade: '{grade}: {days}'; grades are A, B, C, D and days 1..max_days_ahead");
        }

        return new ContactRules
        {
            Channels = Channels(c.Channels ?? [], faults), Holidays = [.. (c.Holidays ?? []).Select(text => HolidayOf(text, faults))],
            MinimumNoticeMinutes = c.MinimumNoticeMinutes, MaxDaysAhead = c.MaxDaysAhead, MaxDaysAheadByGrade = byGrade,
        };
    }

    private static List<ContactChannel> Channels(Dictionary<string, ChannelNode?> written, List<string> faults)
    {
        var channels = new List<ContactChannel>();
        var usual = ContactRules.UsualChannels.ToDictionary(u => u.Name, StringComparer.Ordinal);
        foreach (var name in usual.Keys.Union(written.Keys, StringComparer.Ordinal))
        {
            var node = written.GetValueOrDefault(name) ?? new ChannelNode();
            if (node.Enabled == false) continue;
            if (name.Length is 0 or > 40 || name is "none" or ContactRules.Meeting || !name.All(ch => char.IsAsciiLetterLower(ch) || char.IsAsciiDigit(ch) || ch == '_'))
                faults.Add($"contact.channels: '{name}' is not a lower snake case name, or is taken (none, meeting)");
            var channel = usual.GetValueOrDefault(name) ?? new ContactChannel(name);
            if (node.ResponseRate is { } rate && rate is not (> 0 and < 1)) faults.Add($"contact.channels.{name}: response_rate {rate} is not between 0 and 1");
            channels.Add(channel with
            {
                Quiet = node.QuietHours is { } quiet ? QuietOf(quiet, name, faults) : channel.Quiet, IsAutomated = node.Automated ?? channel.IsAutomated,
                NeedsConsent = node.NeedsConsent ?? channel.NeedsConsent, UsualRate = node.ResponseRate ?? channel.UsualRate,
            });
        }

        return channels;
    }

    private static QuietHours? QuietOf(string text, string channel, List<string> faults)
    {
        if (text == "none") return null;
        if (Interval(text) is var (from, to) && from != to && from < 1440 && to > 0) return new QuietHours(from, to);
        faults.Add($"contact.channels.{channel}: quiet_hours '{text}' is neither none nor times such as 21:00-08:00");
        return null;
    }

    private static Holiday HolidayOf(string? text, List<string> faults)
    {
        // A leap year, so that 02-29 is a day.
        if (DateTime.TryParseExact("2024-" + text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var yearly)) return new Holiday(null, yearly.Month, yearly.Day);
        if (DateTime.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var once)) return new Holiday(once.Year, once.Month, once.Day);
        faults.Add($"contact.holidays: '{text}' is neither a date such as 2026-11-26 nor a day of every year such as 12-25");
        return default;
    }

    private static (int From, int To) Interval(string? text)
    {
        var parts = (text ?? "").Split('-', StringSplitOptions.TrimEntries);
        return parts.Length == 2 && Minute(parts[0]) is { } from && Minute(parts[1]) is { } to ? (from, to) : (0, 0);
    }

    private static int? Minute(string text) =>
        text == "24:00" ? 1440
        : TimeOnly.TryParseExact(text, ["HH:mm", "H:mm"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? (time.Hour * 60) + time.Minute
        : null;

    // YAML shapes.
    internal sealed class HoursNode
    {
        public int? From { get; set; }
        public int? To { get; set; }
        public List<int>? Days { get; set; }
        public List<string>? Mon { get; set; }
        public List<string>? Tue { get; set; }
        public List<string>? Wed { get; set; }
        public List<string>? Thu { get; set; }
        public List<string>? Fri { get; set; }
        public List<string>? Sat { get; set; }
        public List<string>? Sun { get; set; }
    }

    internal sealed class ContactNode
    {
        public Dictionary<string, ChannelNode?>? Channels { get; set; }
        public List<string>? Holidays { get; set; }
        public int MinimumNoticeMinutes { get; set; }
        public int MaxDaysAhead { get; set; } = 7;
        public Dictionary<string, int>? MaxDaysAheadByGrade { get; set; }
    }

    internal sealed class ChannelNode
    {
        public string? QuietHours { get; set; }
        public bool? Automated { get; set; }
        public bool? NeedsConsent { get; set; }
        public double? ResponseRate { get; set; }
        public bool? Enabled { get; set; }
    }
}
