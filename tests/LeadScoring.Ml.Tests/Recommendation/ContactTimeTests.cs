using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Tests.Features;
using NodaTime;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>Hours that a person can work out with a calendar.</summary>
public sealed class ContactTimeTests
{
    internal static FeatureProfile Profile(string more, string zone = "UTC", string hours = "{ from: 0, to: 24, days: [0, 1, 2, 3, 4, 5, 6] }") => FeatureProfile.Parse($$"""
        name: p
        time_zone: {{zone}}
        business_hours: {{hours}}
        {{more}}
        features:
          - { name: visits, group: intent }
        """);

    internal static LeadSnapshot Lead(ActivityState? activity = null, params (string Name, string Value)[] attributes) =>
        new(attributes.ToDictionary(a => a.Name, a => AttributeValue.From(a.Value)), activity ?? new ActivityState());

    private static LeadScoring.Ml.Recommendation.Recommendation At(FeatureProfile profile, LeadSnapshot lead, string now, char grade = 'C', ContactNorms? norms = null) =>
        Recommender.Recommend(profile, [new FeatureValue(1, null)], lead, grade, Events.At(now), norms);

    private const string AnyTime = "contact: { channels: { phone: { quiet_hours: none } } }";
    private const string Weekdays = "{ from: 9, to: 18, days: [0, 1, 2, 3, 4] }";

    [Theory]
    // Berlin has no 2 o'clock that night, and two of them in October; Lord Howe moves by half an hour, Nepal is at :45.
    [InlineData("Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z")]
    [InlineData("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z")]
    [InlineData("Australia/Lord_Howe", "2026-10-03T15:10:00Z", "2026-10-03T16:00:00Z")]
    [InlineData("Australia/Lord_Howe", "2026-04-04T14:30:00Z", "2026-04-04T15:30:00Z")]
    [InlineData("Asia/Kathmandu", "2026-06-10T12:00:00Z", "2026-06-10T12:15:00Z")]
    public void Recommend_ClockChanges_IsAnHourThatExists(string zone, string now, string expected) =>
        Assert.Equal(Events.At(expected), At(Profile(AnyTime), Lead(null, ("time_zone", zone)), now).ContactAtMs);

    [Theory]
    // Hours in India begin in the middle of Berlin's. From 2:30 on that Sunday in October the clock goes to 3:00, back to 2:00 and to 2:30;
    // from 1:30 on in March to 2:00, which is 3:00, and to 3:30.
    [InlineData("02:15-04:00", "2026-10-25T00:00:00Z", "2026-10-25T01:30:00Z")]
    [InlineData("01:00-03:15", "2026-03-29T00:05:00Z", "2026-04-04T23:30:00Z")]
    public void Recommend_ClockChangesInsideTheHour_AllOfItMustBeOpen(string open, string now, string expected) =>
        Assert.Equal(Events.At(expected), At(Profile(AnyTime, "Europe/Berlin", $"{{ sun: [\"{open}\"] }}"), Lead(null, ("time_zone", "Asia/Kolkata")), now).ContactAtMs);

    [Theory]
    // A call from Berlin (9 to 18) to New York (not before 8): 14:00 in Berlin; to Los Angeles: 17:00; to Honolulu: never.
    [InlineData("America/New_York", "2026-06-10T12:00:00Z")]
    [InlineData("America/Los_Angeles", "2026-06-10T15:00:00Z")]
    [InlineData("Pacific/Honolulu", null)]
    public void Recommend_Call_SuitsBothClocks(string zone, string? expected)
    {
        var r = At(Profile("contact: { channels: { email: { enabled: false } } }", "Europe/Berlin", Weekdays), Lead(null, ("time_zone", zone)), "2026-06-10T06:00:00Z");
        Assert.Equal(expected is null ? null : Events.At(expected), r.ContactAtMs);
        if (expected is null) Assert.Contains("No hour of the next 7 days", r.ContactWhy);
    }

    [Fact]
    public void Recommend_NoHourForTheBestChannel_TakesTheNextAndSaysSo()
    {
        var r = At(Profile("contact: { channels: { email: { automated: true } } }", "Europe/Berlin", Weekdays), Lead(null, ("time_zone", "Pacific/Honolulu")), "2026-06-10T06:00:00Z");
        Assert.Equal(("email", Events.At("2026-06-10T07:00:00Z")), (r.Channel, r.ContactAtMs));
        Assert.Contains("phone would come first", r.ChannelWhy);
    }

    [Theory]
    [InlineData("holidays: [\"06-10\"]", "2026-06-11T09:00:00Z")]
    [InlineData("holidays: [\"2026-06-10\", \"2025-06-11\"]", "2026-06-11T09:00:00Z")]
    [InlineData("minimum_notice_minutes: 180", "2026-06-10T10:00:00Z")]
    [InlineData("max_days_ahead: 3", "2026-06-10T09:00:00Z")]
    public void Recommend_HolidaysAndNotice_PutItOff(string rule, string expected) =>
        Assert.Equal(Events.At(expected), At(Profile($"contact: {{ {rule} }}", hours: Weekdays), Lead(), "2026-06-10T07:00:00Z").ContactAtMs);

    [Fact]
    public void Recommend_LunchBreak_IsClosed() =>
        Assert.Equal(Events.At("2026-06-10T14:00:00Z"), At(Profile("", hours: "{ wed: [\"09:00-12:30\", \"13:30-18:00\"] }"), Lead(), "2026-06-10T11:30:00Z").ContactAtMs);

    [Fact]
    public void Recommend_AsTimePasses_IsAlwaysAhead()
    {
        var profile = Profile("", "Europe/Berlin", Weekdays);
        long? before = null;
        for (var minute = 0; minute < 14 * 1440; minute += 17)
        {
            var now = Events.At("2026-03-20T00:00:00Z") + (minute * 60_000L);
            var at = Recommender.Recommend(profile, [new FeatureValue(1, null)], Lead(), 'C', now).ContactAtMs;
            Assert.True(at > now && (before is null || at >= before));
            before = at;
        }
    }

    [Fact]
    public void Recommend_HotLead_DoesNotWaitForTheBestHourOfTheWeek()
    {
        var profile = Profile("contact: { max_days_ahead_by_grade: { A: 1 } }", hours: Weekdays);
        // Mondays at 14; today is Wednesday.
        var state = new ActivityState();
        for (var week = 1; week < 9; week++) state.Fold(new ActivityEvent("e" + week, "chat", "website", Events.At("2026-06-08T14:20:00Z") - (week * 7 * Events.Day)));
        Assert.Equal(Events.At("2026-06-15T14:00:00Z"), At(profile, Lead(state), "2026-06-10T07:00:00Z", 'B').ContactAtMs);
        Assert.Equal(Events.At("2026-06-10T14:00:00Z"), At(profile, Lead(state), "2026-06-10T07:00:00Z", 'A').ContactAtMs);
        // Saturday: nothing is open within a day.
        Assert.Equal(Events.At("2026-06-15T09:00:00Z"), At(profile, Lead(), "2026-06-13T07:00:00Z", 'A').ContactAtMs);
    }

    [Fact]
    public void Recommend_OneLongVisit_IsNoHabit()
    {
        var state = new ActivityState();
        for (var page = 0; page < 40; page++) state.Fold(new ActivityEvent("p" + page, "page_view", "website", Events.At("2026-06-04T15:00:00Z") + (page * 60_000)));
        var r = At(Profile("", hours: Weekdays), Lead(state), "2026-06-10T07:00:00Z");
        Assert.True(r.ContactAbstained);
        Assert.Equal(Events.At("2026-06-10T09:00:00Z"), r.ContactAtMs);
    }

    [Fact]
    public void Recommend_AnsweredCalls_CountMoreThanVisits()
    {
        var state = new ActivityState();
        for (var week = 1; week < 5; week++)
        {
            state.Fold(new ActivityEvent("v" + week, "page_view", "website", Events.At("2026-06-08T10:20:00Z") - (week * 7 * Events.Day)));
            if (week < 3) state.Fold(new ActivityEvent("c" + week, "phone_call", "phone", Events.At("2026-06-09T16:20:00Z") - (week * 7 * Events.Day)));
        }

        var r = At(Profile("", hours: Weekdays), Lead(state), "2026-06-10T07:00:00Z");
        Assert.Equal(Events.At("2026-06-16T16:00:00Z"), r.ContactAtMs);
        Assert.False(r.ContactAbstained);
    }

    [Fact]
    public void Recommend_UnknownLead_TakesTheOrganizationsHour()
    {
        var hours = new double[168];
        Array.Fill(hours, 0.5 / 168);
        hours[(3 * 24) + 11] += 0.5;
        var norms = new ContactNorms(0, 500, 5_000, hours, 20, new Dictionary<string, ResponseNorm>());
        var r = At(Profile("", hours: Weekdays), Lead(), "2026-06-10T07:00:00Z", 'C', norms);
        Assert.Equal(Events.At("2026-06-11T11:00:00Z"), r.ContactAtMs);
        Assert.True(r.ContactAbstained);
        Assert.Contains("organization's leads", r.ContactWhy);
        // Too few to say anything: the next open hour.
        Assert.Equal(Events.At("2026-06-10T09:00:00Z"), At(Profile("", hours: Weekdays), Lead(), "2026-06-10T07:00:00Z", 'C', norms with { Evidence = 20 }).ContactAtMs);
    }

    [Theory]
    [InlineData("W. Europe Standard Time", null, "Europe/Berlin")]
    [InlineData("europe/berlin", null, "Europe/Berlin")]
    [InlineData(null, "Germany", "Europe/Berlin")]
    [InlineData(null, "jp", "Asia/Tokyo")]
    [InlineData(null, "UK", "Europe/London")]
    [InlineData(null, "United States", "UTC")]
    [InlineData("nonsense", "nowhere", "UTC")]
    public void Zone_GivenCountryOrOwn_IsTheSurestKnown(string? zone, string? country, string expected)
    {
        var lead = Lead(null, [.. new[] { ("time_zone", zone), ("country", country) }.Where(a => a.Item2 is not null).Select(a => (a.Item1, a.Item2!))]);
        Assert.Equal(expected, LeadZone.Of(Profile(""), lead).Zone.Id);
    }

    [Fact]
    public void HoursOfWeek_OneOffset_IsExact()
    {
        var state = new ActivityState();
        // Mondays at 10:20 in New York, in winter only.
        for (var week = 0; week < 6; week++) state.Fold(new ActivityEvent("e" + week, "chat", "website", Events.At("2026-01-12T15:20:00Z") + (week * 7 * Events.Day)));
        var local = new double[168];
        Assert.Equal(6, HoursOfWeek.Add(state, DateTimeZoneProviders.Tzdb["America/New_York"], local), 9);
        Assert.Equal(6, local[10], 9);
    }

    [Fact]
    public void HoursOfWeek_WinterAndSummer_StillPeaksAtTheLocalHour()
    {
        var state = new ActivityState();
        var zone = DateTimeZoneProviders.Tzdb["America/New_York"];
        for (var week = 0; week < 52; week++)
        {
            var local = new LocalDateTime(2025, 6, 2, 10, 20).PlusWeeks(week);
            state.Fold(new ActivityEvent("e" + week, "chat", "website", local.InZoneLeniently(zone).ToInstant().ToUnixTimeMilliseconds()));
        }

        var hours = new double[168];
        HoursOfWeek.Add(state, zone, hours);
        Assert.Equal(52, hours.Sum(), 6);
        // 35 weeks of summer and 17 of winter: with one offset for all, 35 would be right at most.
        Assert.Equal(10, Array.IndexOf(hours, hours.Max()));
        Assert.InRange(hours[10], 28, 30);
        Assert.Equal(52, hours[9] + hours[10] + hours[11], 6);
    }

    [Fact]
    public void HoursOfWeek_HalfHourZone_SplitsTheHour()
    {
        var state = new ActivityState();
        state.Fold(new ActivityEvent("e", "chat", "website", Events.At("2026-01-11T23:20:00Z")));
        var local = new double[168];
        HoursOfWeek.Add(state, DateTimeZoneProviders.Tzdb["Asia/Kolkata"], local);
        Assert.Equal((0.5, 0.5), (local[4], local[5]));
    }
}
