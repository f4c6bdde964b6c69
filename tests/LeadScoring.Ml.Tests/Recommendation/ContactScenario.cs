using FsCheck;
using FsCheck.Fluent;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using NodaTime;
using NodaTime.TimeZones;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>An organization, one of its leads, and a moment.</summary>
public sealed record ContactScenario(
    string OwnZone, string? LeadZone, string? Country, long AsOfMs, IReadOnlyList<OpenInterval> Hours, ContactRules Rules,
    IReadOnlyDictionary<string, string> Consent, IReadOnlyList<string> Events, int Seed, char Grade, bool HasNorms)
{
    private static readonly IDateTimeZoneProvider Tzdb = DateTimeZoneProviders.Tzdb;

    private static readonly string[] AllZones = [.. Tzdb.Ids];

    // The organization's zone is the profile's, which the runtime must know too.
    private static readonly string[] OwnZones = [.. AllZones.Where(id => TimeZoneInfo.TryFindSystemTimeZoneById(id, out _))];

    // Clocks that are off by halves and quarters, and that change by half an hour, two hours, or around Ramadan: rare, and where mistakes are.
    private static readonly string[] OddZones =
        ["Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham", "Antarctica/Troll", "Africa/Casablanca", "Australia/Adelaide", "Asia/Tehran", "Pacific/Apia"];

    private static readonly string[] WindowsZones = [.. TzdbDateTimeZoneSource.Default.WindowsMapping.PrimaryMapping.Keys];

    internal static readonly string[] ChannelNames = ["phone", "email", "sms", "whatsapp"];

    private static readonly string[] ConsentNames =
    [
        "do_not_contact", "do_not_call", "do_not_phone", "phone_consent", "do_not_email", "email_consent", "unsubscribed", "do_not_sms", "sms_consent", "do_not_whatsapp", "whatsapp_consent",
    ];

    internal FeatureProfile Profile => new("p", "", [new FeatureDefinition { Name = "visits", Group = "intent", Kind = FeatureKind.Numeric, Sources = [], Label = "Visits", Unit = "" }])
    {
        Zone = TimeZoneInfo.FindSystemTimeZoneById(OwnZone), Hours = new BusinessHours(Hours), Contact = Rules,
        Actions = [.. Catalogue.Select(a => new ActionDefinition(a.Id, a.Id, a.Grades, [], a.Channel))],
    };

    internal static readonly (string Id, string[] Grades, string Channel)[] Catalogue =
        [("text", ["A", "B"], "sms"), ("meet", ["A"], "meeting"), ("call", ["A", "B"], "phone"), ("mail", ["A", "B", "C"], "email"), ("chat", ["C"], "whatsapp"), ("wait", ["D"], "")];

    internal DateTimeZone Own => Tzdb[OwnZone];

    internal ActivityState Activity()
    {
        var random = new Random(Seed);
        var state = new ActivityState();
        string[] types = ["page_view", "email_sent", "email_opened", "phone_call", "call_attempted", "sms_sent", "sms_replied", "chat", "email_replied", "whatsapp_sent"];
        var (events, habit) = (random.Next(3) * random.Next(20), random.NextInt64(7 * 24) * 3_600_000);
        for (var i = 0; i < events; i++)
        {
            var ago = random.Next(2) == 0 ? random.NextInt64(400 * ActivityState.DayMs) : (random.Next(50) * 7 * ActivityState.DayMs) + habit;
            state.Fold(new ActivityEvent("e" + i, types[random.Next(types.Length)], "website", AsOfMs - ago));
        }

        foreach (var type in Events) state.Fold(new ActivityEvent(type, type, "crm", AsOfMs - 1));
        return state;
    }

    internal LeadSnapshot Lead()
    {
        var attributes = Consent.ToDictionary(c => c.Key, c => AttributeValue.From(c.Value));
        if (LeadZone is not null) attributes["time_zone"] = AttributeValue.From(LeadZone);
        if (Country is not null) attributes["country"] = AttributeValue.From(Country);
        return new LeadSnapshot(attributes, Activity());
    }

    internal ContactNorms? Norms()
    {
        if (!HasNorms) return null;
        var random = new Random(Seed + 1);
        var hours = Enumerable.Range(0, 168).Select(_ => Math.Pow(random.NextDouble(), 8)).ToArray();
        var sum = hours.Sum();
        return new ContactNorms(0, 100, 1_000, [.. hours.Select(h => h / sum)], 5 + random.Next(50), new Dictionary<string, ResponseNorm> { ["sms"] = new(random.NextDouble(), 10, 100, 50) });
    }

    internal LeadScoring.Ml.Recommendation.Recommendation Recommend() => Recommender.Recommend(Profile, [new FeatureValue(3, null)], Lead(), Grade, AsOfMs, Norms());

    private static readonly Gen<OpenInterval> Interval =
        from day in Gen.Choose(0, 6)
        from step in Gen.Elements(1, 5, 15, 30, 60)
        from a in Gen.Choose(0, 1440 / step)
        from b in Gen.Choose(0, 1440 / step)
        where a != b
        select new OpenInterval(day, Math.Min(a, b) * step, Math.Max(a, b) * step);

    private static readonly Gen<QuietHours?> Quiet = Gen.OneOf(
        Gen.Constant<QuietHours?>(null), Gen.Constant<QuietHours?>(QuietHours.Night),
        from a in Gen.Choose(0, 1439) from b in Gen.Choose(1, 1440) where a != b select (QuietHours?)new QuietHours(a, b));

    private static readonly Gen<ContactChannel[]> Channels =
        from quiet in Quiet.ArrayOf(4)
        from automated in Gen.Elements(false, false, true).ArrayOf(4)
        from consent in Gen.Elements(true, false).ArrayOf(4)
        from some in Gen.SubListOf(0, 1, 2, 3)
        select (some.Count == 0 ? [0, 1, 2] : some).Select(i => new ContactChannel(ChannelNames[i]) { Quiet = quiet[i], IsAutomated = automated[i], NeedsConsent = consent[i] }).ToArray();

    /// <summary>Half of the moments are within two days, many within hours, of a change of one of the clocks.</summary>
    private static Gen<long> Moment(string own, string? lead) =>
        from at in Gen.Choose(0, 16 * 365 * 24 * 60).Select(minutes => 1_577_836_800_000 + (minutes * 60_000L))
        from near in Gen.Elements(0, 1, 2, 3)
        from off in Gen.OneOf(Gen.Choose(-2 * 1440 * 60, 2 * 1440 * 60), Gen.Choose(-3 * 3600, 3600))
        let zone = near == 1 ? Tzdb[own] : near == 2 && lead is not null ? Tzdb.GetZoneOrNull(lead) : null
        let interval = zone?.GetZoneInterval(Instant.FromUnixTimeMilliseconds(at))
        select interval is { HasEnd: true } && interval.End < Instant.FromUtc(2040, 1, 1, 0, 0) ? interval.End.ToUnixTimeMilliseconds() + (off * 1000L) : at;

    private static Gen<IReadOnlyList<Holiday>> HolidaysNear(long atMs) =>
        from days in Gen.Choose(-1, 8).ListOf()
        from yearly in Gen.Elements(true, false)
        select (IReadOnlyList<Holiday>)[.. days.Take(5).Select(d => DateTime.UnixEpoch.AddMilliseconds(atMs).AddDays(d)).Select(d => new Holiday(yearly ? null : d.Year, d.Month, d.Day))];

    internal static readonly Gen<ContactScenario> Any =
        from own in Gen.Frequency((3, Gen.Elements(OwnZones)), (1, Gen.Elements(OddZones.Intersect(OwnZones).ToArray())))
        from lead in Gen.Frequency((3, Gen.Elements(OddZones).Select(z => (string?)z)), (6, Gen.Elements(AllZones).Select(z => (string?)z)), (1, Gen.Elements(WindowsZones).Select(z => (string?)z)), (1, Gen.Constant((string?)"no such zone")), (2, Gen.Constant((string?)null)))
        from country in Gen.Elements(null, null, "DE", "Germany", "US", "JP", "in", "nowhere")
        from at in Moment(own, lead)
        from hours in Gen.OneOf(Gen.Constant(BusinessHours.Default.Intervals.ToList()), Gen.Constant(BusinessHours.Daily(0, 24, [0, 1, 2, 3, 4, 5, 6]).Intervals.ToList()), Interval.NonEmptyListOf().Select(l => l.Take(8).ToList()))
        from channels in Channels
        from holidays in HolidaysNear(at)
        from notice in Gen.Elements(0, 0, 15, 90, 1_000)
        from days in Gen.Choose(1, 9)
        from soon in Gen.Choose(1, days)
        from consent in Gen.SubListOf(ConsentNames)
        from said in Gen.Elements("yes", "true", "1", "no", "false", "0", "").ArrayOf(ConsentNames.Length)
        from few in Gen.Choose(0, 4)
        from optOuts in Gen.Frequency((6, Gen.Constant(0)), (1, Gen.Choose(1, 3)))
        from seed in Gen.Choose(0, int.MaxValue - 2)
        from grade in Gen.Elements('A', 'B', 'C', 'D')
        from norms in Gen.Elements(true, false)
        select new ContactScenario(
            own, lead, country, at, hours,
            new ContactRules { Channels = channels, Holidays = holidays, MinimumNoticeMinutes = notice, MaxDaysAhead = days, MaxDaysAheadByGrade = new Dictionary<char, int> { ['A'] = soon } },
            consent.Take(few).Select((name, i) => (name, said[i])).ToDictionary(c => c.name, c => c.Item2),
            [.. new[] { "unsubscribed", "phone_opted_out", "sms_opted_out" }.Take(optOuts)], seed, grade, norms);
}
