using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>Whatever the lead, the zone and the moment: never at a closed hour, never by a refused channel, never an action that needs one.</summary>
public sealed class RecommenderTests
{
    private const long HourMs = 3_600_000;

    private static readonly string[] Zones =
        ["UTC", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "Pacific/Chatham", "America/Sao_Paulo", "Africa/Casablanca", "no such zone"];

    // Days around changes of daylight-saving time in Berlin, New York and Lord Howe, and new year.
    private static readonly string[] Days = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-12-31", "2026-06-10"];

    private static readonly (string Name, string[] Values)[] Consents =
    [
        ("do_not_call", ["true", "1", "yes", "no", ""]), ("phone_consent", ["false", "0", "no", "true", ""]), ("do_not_email", ["yes", "0", ""]), ("email_consent", ["no", "true", ""]),
        ("unsubscribed", ["1", "false", ""]), ("sms_consent", ["yes", "false", ""]), ("do_not_sms", ["true", "no", ""]),
    ];

    private static FeatureProfile Profile(string hours, string zone) => FeatureProfile.Parse($$"""
        name: p
        time_zone: {{zone}}
        business_hours: {{hours}}
        features:
          - name: visits
        actions:
          - { id: text_now, text: Send a text, grades: [A, B], channel: sms, when: [{ feature: visits, at_least: 5 }] }
          - { id: meet, text: Meet, grades: [A], channel: meeting, when: [{ feature: visits, at_least: 3 }] }
          - { id: call, text: Call, grades: [A, B], channel: phone }
          - { id: mail, text: Write, grades: [A, B, C], channel: email }
          - { id: wait, text: Wait, grades: [C], channel: "" }
        """);

    private static readonly Dictionary<string, string> ChannelOf = new() { ["text_now"] = "sms", ["meet"] = "meeting", ["call"] = "phone", ["mail"] = "email", ["wait"] = "" };

    private static readonly string[] Hours = ["{ from: 9, to: 18, days: [0, 1, 2, 3, 4] }", "{ from: 0, to: 24, days: [6] }", "{ from: 23, to: 24, days: [0, 2, 5] }", "{ from: 2, to: 3, days: [0, 1, 2, 3, 4, 5, 6] }"];

    private static ActivityState Activity(Random random, long nowMs)
    {
        var state = new ActivityState();
        string[] types = ["page_view", "email_sent", "email_opened", "phone_call", "call_attempted", "sms_sent", "sms_replied", "chat"];
        var count = random.Next(3) * random.Next(15);
        for (var i = 0; i < count; i++) state.Fold(new ActivityEvent("e" + i, types[random.Next(types.Length)], "website", nowMs - random.NextInt64(90 * ActivityState.DayMs)));
        if (random.Next(10) == 0) state.Fold(new ActivityEvent("u", "unsubscribed", "email", nowMs - 1));
        return state;
    }

    [Fact]
    public void Recommend_AnyLead_KeepsHoursAndConsent()
    {
        var random = new Random(1);
        var profiles = (from h in Hours from z in Zones where z != "no such zone" select Profile(h, z)).ToArray();
        var seen = new HashSet<string>();
        for (var n = 0; n < 20_000; n++)
        {
            var profile = profiles[random.Next(profiles.Length)];
            var nowMs = DateTimeOffset.Parse(Days[random.Next(Days.Length)], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeMilliseconds() + random.NextInt64(-2 * ActivityState.DayMs, 2 * ActivityState.DayMs);
            var attributes = Consents.Where(_ => random.Next(3) == 0).ToDictionary(c => c.Name, c => AttributeValue.From(c.Values[random.Next(c.Values.Length)]));
            var zoneName = random.Next(2) == 0 ? null : Zones[random.Next(Zones.Length)];
            if (zoneName is not null) attributes["time_zone"] = AttributeValue.From(zoneName);
            var lead = new LeadSnapshot(attributes, Activity(random, nowMs));
            FeatureValue[] values = [random.Next(4) == 0 ? FeatureValue.Missing : new(random.Next(8), null)];
            var grade = "ABCD"[random.Next(4)];
            var r = Recommender.Recommend(profile, values, lead, grade, nowMs);

            bool Says(string name, params string[] words) => attributes.TryGetValue(name, out var v) && words.Contains(v.AsText());
            string[] yes = ["true", "1", "yes"], no = ["false", "0", "no"];
            var phone = !Says("do_not_call", yes) && !Says("phone_consent", no);
            var email = !Says("do_not_email", yes) && !Says("email_consent", no) && !Says("unsubscribed", yes) && lead.Activity.Tally("unsubscribed").Count == 0;
            var sms = Says("sms_consent", yes) && !Says("do_not_sms", yes);
            bool Allowed(string channel) => channel switch { "phone" or "meeting" => phone, "email" => email, "sms" => sms, _ => true };

            Assert.True(Allowed(r.Channel), $"channel {r.Channel} is refused");
            Assert.Equal(!phone && !email && !sms, r.Channel == "none");
            if (r.ActionId != "none") Assert.True(Allowed(ChannelOf[r.ActionId]), $"action {r.ActionId} needs a refused channel");
            if (r.Channel == "none") Assert.Null(r.ContactAtMs);
            if (r.ContactAtMs is { } at)
            {
                var zone = zoneName is null || !TimeZoneInfo.TryFindSystemTimeZoneById(zoneName, out var own) ? profile.Zone : own;
                var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(at), zone);
                Assert.True(at > nowMs && at <= nowMs + (169 * HourMs), "within the next week");
                Assert.Contains(((int)local.DayOfWeek + 6) % 7, profile.Hours.Days);
                Assert.InRange(local.Hour, profile.Hours.FromHour, profile.Hours.ToHour - 1);
            }

            Assert.All([r.Action, r.ActionWhy, r.ContactWhy, r.ChannelWhy], text => Assert.NotEqual("", text));
            seen.Add(r.ActionId);
            seen.Add(r.Channel);
        }

        Assert.Superset(new HashSet<string> { "text_now", "meet", "call", "mail", "wait", "none", "phone", "email", "sms" }, seen);
    }

    [Theory]
    // Berlin's clocks go forward on 2026-03-29 at 2 and back on 2026-10-25 at 3: Monday 9 o'clock is 7 and 8 UTC.
    [InlineData("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T07:00:00Z")]
    [InlineData("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T08:00:00Z")]
    [InlineData("UTC", "2026-06-10T12:00:00Z", "2026-06-10T13:00:00Z")]
    [InlineData("UTC", "2026-06-10T17:00:00Z", "2026-06-11T09:00:00Z")]
    [InlineData("UTC", "2026-06-12T17:30:00Z", "2026-06-15T09:00:00Z")]
    public void Recommend_LittleActivity_IsTheNextBusinessHour(string zone, string now, string expected)
    {
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue> { ["time_zone"] = AttributeValue.From(zone) }, new ActivityState());
        var r = Recommender.Recommend(Profile(Hours[0], "UTC"), [FeatureValue.Missing], lead, 'A', DateTimeOffset.Parse(now, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds());
        Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture), DateTimeOffset.FromUnixTimeMilliseconds(r.ContactAtMs!.Value));
    }

    [Fact]
    public void Recommend_HabitOfTheLead_DecidesTheHour()
    {
        var nowMs = DateTimeOffset.Parse("2026-06-10T12:00:00Z", CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
        var state = new ActivityState();
        // Mondays at 14 and, more often, Sundays at 20, when nobody works.
        for (var week = 1; week <= 6; week++)
        {
            state.Fold(new ActivityEvent("m" + week, "chat", "website", DateTimeOffset.Parse("2026-06-08T14:20:00Z", CultureInfo.InvariantCulture).AddDays(-7 * week).ToUnixTimeMilliseconds()));
            for (var k = 0; k < 3; k++) state.Fold(new ActivityEvent($"s{week}{k}", "chat", "website", DateTimeOffset.Parse("2026-06-07T20:20:00Z", CultureInfo.InvariantCulture).AddDays(-7 * week).ToUnixTimeMilliseconds()));
        }

        var r = Recommender.Recommend(Profile(Hours[0], "UTC"), [FeatureValue.Missing], new LeadSnapshot(new Dictionary<string, AttributeValue>(), state), 'A', nowMs);
        Assert.Equal(DateTimeOffset.Parse("2026-06-15T14:00:00Z", CultureInfo.InvariantCulture), DateTimeOffset.FromUnixTimeMilliseconds(r.ContactAtMs!.Value));
        Assert.Contains("most active", r.ContactWhy);
    }

    [Fact]
    public void Recommend_Responses_DecideTheChannel()
    {
        string Channel(int calls, int missed, int sent, int opened)
        {
            var state = new ActivityState();
            foreach (var (type, count) in ((string, int)[])[("phone_call", calls), ("call_attempted", missed), ("email_sent", sent), ("email_opened", opened)])
            {
                for (var i = 0; i < count; i++) state.Fold(new ActivityEvent(type + i, type, "crm", 1_760_000_000_000 + i));
            }

            return Recommender.Recommend(Profile(Hours[0], "UTC"), [FeatureValue.Missing], new LeadSnapshot(new Dictionary<string, AttributeValue>(), state), 'A', 1_770_000_000_000).Channel;
        }

        Assert.Equal("phone", Channel(0, 0, 0, 0));
        Assert.Equal("email", Channel(0, 10, 0, 0));
        Assert.Equal("email", Channel(1, 1, 20, 18));
        Assert.Equal("phone", Channel(5, 0, 20, 2));
    }

    [Fact]
    public void Recommend_BetterActionRefused_SaysSo()
    {
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue> { ["do_not_call"] = AttributeValue.From(true) }, new ActivityState());
        var r = Recommender.Recommend(Profile(Hours[0], "UTC"), [new(6, null)], lead, 'A', 1_770_000_000_000);
        // No consent to texts, no calls, no meetings: three were before it.
        Assert.Equal("mail", r.ActionId);
        Assert.Contains("3 before it", r.ActionWhy);
        Assert.Equal("none", Recommender.Recommend(Profile(Hours[0], "UTC"), [new(6, null)], lead, 'D', 1_770_000_000_000).ActionId);
    }
}
