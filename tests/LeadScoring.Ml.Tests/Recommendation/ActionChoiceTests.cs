using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Tests.Features;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>The catalogue: stage, groups, attributes, cool-down, default, and what is wrong in one.</summary>
public sealed class ActionChoiceTests
{
    private static readonly long Now = Events.At("2026-06-10T07:00:00Z");

    private const string Head = """
        name: p
        features:
          - { name: visits, group: behavioral }
          - { name: tours, group: intent }
          - { name: calculator, group: intent }

        """;

    private static FeatureProfile Profile(string rest) => FeatureProfile.Parse(Head + rest);

    private const string Catalogue = """
        actions:
          - { id: close, text: Close, grades: [A], channel: phone, stages: [Offer, contract] }
          - { id: vip, text: Visit, grades: [A], when: [{ attribute: segment, is: [vip] }, { attribute: region, is_not: [abroad] }] }
          - { id: discover, text: Ask, grades: [A], channel: phone, when: [{ group: intent, at_least: 2 }], why: Interest is fresh }
          - { id: call, text: Call, grades: [A], channel: phone, cool_down_days: 3 }
          - { id: mail, text: Write, channel: email }
        """;

    private static LeadScoring.Ml.Recommendation.Recommendation Recommend(
        string rest, double[] values, ActivityState? activity = null, params (string Name, string Value)[] attributes) =>
        Recommender.Recommend(Profile(rest), [.. values.Select(v => new FeatureValue(v, null))], ContactTimeTests.Lead(activity, attributes), 'A', Now);

    [Fact]
    public void Recommend_Stage_DecidesWhateverItsCase()
    {
        Assert.Equal("close", Recommend(Catalogue, [1, 0, 0], null, ("stage", "CONTRACT")).ActionId);
        Assert.Equal("call", Recommend(Catalogue, [1, 0, 0], null, ("stage", "new")).ActionId);
        Assert.Equal("call", Recommend(Catalogue, [1, 0, 0]).ActionId);
        Assert.Contains("stage", Recommend(Catalogue, [1, 0, 0], null, ("stage", "offer")).ActionWhy);
    }

    [Fact]
    public void Recommend_AttributeConditions_HoldOnWhatCameIn()
    {
        Assert.Equal("vip", Recommend(Catalogue, [1, 0, 0], null, ("segment", "VIP")).ActionId);
        Assert.Equal("call", Recommend(Catalogue, [1, 0, 0], null, ("segment", "vip"), ("region", "abroad")).ActionId);
    }

    [Fact]
    public void Recommend_GroupCondition_CountsSignals()
    {
        var r = Recommend(Catalogue, [0, 2, 5]);
        Assert.Equal("discover", r.ActionId);
        Assert.StartsWith("Interest is fresh", r.ActionWhy, StringComparison.Ordinal);
        Assert.Equal("call", Recommend(Catalogue, [9, 2, 0]).ActionId);
    }

    [Fact]
    public void Recommend_TakenLately_IsNotRecommendedAgain()
    {
        string Action(double daysAgo)
        {
            var state = new ActivityState();
            state.Fold(new ActivityEvent("a", EventTypes.ActionTaken("call"), "crm", Now - (long)(daysAgo * Events.Day)));
            return Recommend(Catalogue, [1, 0, 0], state).ActionId;
        }

        Assert.Equal(("mail", "mail", "call"), (Action(0), Action(2.9), Action(3.1)));
        var taken = new ActivityState();
        taken.Fold(new ActivityEvent("a", EventTypes.ActionTaken("call"), "crm", Now));
        Assert.Contains("1 before it was taken a short while ago", Recommend(Catalogue, [1, 0, 0], taken).ActionWhy);
        Assert.Equal("none", Recommend(Catalogue, [1, 0, 0], taken, ("do_not_email", "yes")).ActionId);
    }

    [Fact]
    public void Recommend_NothingKnown_AbstainsToTheDefault()
    {
        var r = Recommend(Catalogue, [double.NaN, double.NaN, double.NaN], null, ("stage", "offer"));
        Assert.Equal(("mail", true), (r.ActionId, r.ActionAbstained));
        Assert.Contains("0 of 3 features known", r.ActionWhy);
        Assert.Equal("call", Recommend(Catalogue + "\ndefault_action: call", [double.NaN, double.NaN, double.NaN]).ActionId);
        // The default is no way round a refusal.
        Assert.Equal("none", Recommend(Catalogue + "\ndefault_action: call", [double.NaN, double.NaN, double.NaN], null, ("do_not_call", "1")).ActionId);
        Assert.False(Recommend(Catalogue, [1, double.NaN, double.NaN]).ActionAbstained);
    }

    [Fact]
    public void Recommend_DoNotContact_ForbidsEverything()
    {
        var r = Recommend(Catalogue, [1, 0, 0], null, ("do_not_contact", "true"), ("sms_consent", "yes"));
        Assert.Equal(("none", "none", null), (r.ActionId, r.Channel, r.ContactAtMs));
    }

    [Theory]
    [InlineData("actions: [{ id: a, text: a, channel: fax }]", "channel 'fax'")]
    [InlineData("actions: [{ id: a, text: a, cool_down_days: -1 }]", "cool_down_days")]
    [InlineData("actions: [{ id: a, text: a, when: [{ group: nope, at_least: 1 }] }]", "group 'nope'")]
    [InlineData("actions: [{ id: a, text: a, when: [{ group: intent, feature: visits }] }]", "one of feature, group, attribute and event")]
    [InlineData("actions: [{ id: a, text: a }]\ndefault_action: b", "default_action")]
    [InlineData("business_hours: { mon: [\"18:00-09:00\"] }", "18:00-09:00")]
    [InlineData("business_hours: { mon: [\"09:00-10:00\"], from: 3 }", "either from")]
    [InlineData("business_hours: { mon: [] }", "at least one stretch")]
    [InlineData("contact: { channels: { phone: { quiet_hours: late } } }", "quiet_hours 'late'")]
    [InlineData("contact: { channels: { Fax: {} } }", "'Fax'")]
    [InlineData("contact: { channels: { phone: { response_rate: 1 } } }", "response_rate")]
    [InlineData("contact: { holidays: [\"13-01\"] }", "'13-01'")]
    [InlineData("contact: { max_days_ahead: 0 }", "max_days_ahead")]
    [InlineData("contact: { max_days_ahead_by_grade: { E: 1 } }", "'E: 1'")]
    [InlineData("contact: { minimum_notice_minutes: -5 }", "minimum_notice_minutes")]
    [InlineData("contact: { typo: 1 }", "typo")]
    public void Parse_Fault_IsNamed(string rest, string named) => Assert.Contains(named, Assert.Throws<ProfileException>(() => Profile(rest)).Message);

    [Fact]
    public void Parse_EverythingWritten_IsRead()
    {
        var profile = Profile("""
            business_hours: { tue: ["13:30-18:00", "09:00-12:30"], sun: ["00:00-24:00"] }
            contact:
              channels: { phone: { quiet_hours: "20:00-09:30", response_rate: 0.4 }, email: { automated: true, needs_consent: true }, sms: { enabled: false }, whatsapp: }
              holidays: ["12-25", "2026-11-26", "02-29"]
              max_days_ahead: 14
            """);
        Assert.Equal([new(1, 540, 750), new(1, 810, 1080), new(6, 0, 1440)], profile.Hours.Intervals);
        Assert.Equal(["phone", "email", "whatsapp"], profile.Contact.Channels.Select(c => c.Name));
        Assert.Equal(new QuietHours(1200, 570), profile.Contact.Find("phone")!.Quiet);
        Assert.True(profile.Contact.Find("email") is { IsAutomated: true, NeedsConsent: true, Quiet: null });
        Assert.True(profile.Contact.Find("whatsapp") is { NeedsConsent: true } w && w.Quiet == QuietHours.Night);
        Assert.Equal([new(null, 12, 25), new(2026, 11, 26), new(null, 2, 29)], profile.Contact.Holidays);
        Assert.Equal(14, profile.Contact.MaxDaysAhead);
        var less = profile.Without(new HashSet<string> { "tours" });
        Assert.Equal((profile.Contact, profile.Hours), (less.Contact, less.Hours));
    }
}
