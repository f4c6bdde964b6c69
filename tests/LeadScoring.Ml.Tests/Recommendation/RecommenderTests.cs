using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>What is recommended in cases that a person can follow; that no rule is ever broken is the business of <see cref="ContactPropertyTests"/>.</summary>
public sealed class RecommenderTests
{
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

    private const string Weekdays = "{ from: 9, to: 18, days: [0, 1, 2, 3, 4] }";

    [Theory]
    // Berlin's clocks go forward on 2026-03-29 at 2 and back on 2026-10-25 at 3: Monday 9 o'clock is 7 and 8 UTC.
    [InlineData("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T07:00:00Z")]
    [InlineData("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T08:00:00Z")]
    [InlineData("UTC", "2026-06-10T12:00:00Z", "2026-06-10T13:00:00Z")]
    [InlineData("UTC", "2026-06-10T17:00:00Z", "2026-06-11T09:00:00Z")]
    [InlineData("UTC", "2026-06-12T17:30:00Z", "2026-06-15T09:00:00Z")]
    public void Recommend_LittleActivity_IsTheNextBusinessHour(string zone, string now, string expected)
    {
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue>(), new ActivityState());
        var r = Recommender.Recommend(Profile(Weekdays, zone), [FeatureValue.Missing], lead, 'A', DateTimeOffset.Parse(now, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds());
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

        var r = Recommender.Recommend(Profile(Weekdays, "UTC"), [FeatureValue.Missing], new LeadSnapshot(new Dictionary<string, AttributeValue>(), state), 'A', nowMs);
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
                // An hour apart: openings within a second of each other would be those of a machine.
                for (var i = 0; i < count; i++) state.Fold(new ActivityEvent(type + i, type, "crm", 1_760_000_000_000 + (i * 3_600_000L)));
            }

            return Recommender.Recommend(Profile(Weekdays, "UTC"), [FeatureValue.Missing], new LeadSnapshot(new Dictionary<string, AttributeValue>(), state), 'A', 1_770_000_000_000).Channel;
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
        var r = Recommender.Recommend(Profile(Weekdays, "UTC"), [new(6, null)], lead, 'A', 1_770_000_000_000);
        // No consent to texts, no calls, no meetings: three were before it.
        Assert.Equal("mail", r.ActionId);
        Assert.Contains("3 before it", r.ActionWhy);
        Assert.Equal("none", Recommender.Recommend(Profile(Weekdays, "UTC"), [new(6, null)], lead, 'D', 1_770_000_000_000).ActionId);
    }
}
