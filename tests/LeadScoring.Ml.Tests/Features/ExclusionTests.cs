using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class ExclusionTests
{
    private const string Features = "  - name: calls\n  - { name: city, kind: categorical }\n";

    private static FeatureProfile Profile(string when) => ShippedProfiles.Of(Features, $"exclusions:\n  - {{ id: x, text: Not for us, when: {when} }}");

    private static bool Excludes(FeatureProfile profile, Dictionary<string, AttributeValue> attributes, params string[] events)
    {
        var activity = ActivityState.Replay(events.Select((type, i) => new ActivityEvent($"e{i}", type, "website", 1_000 + i, null)), long.MaxValue);
        var lead = new LeadSnapshot(attributes, activity);
        return profile.ExclusionOf(lead, new FeatureExtractor(profile).Extract(lead, 2_000)) is { Id: "x", Text: "Not for us" };
    }

    [Theory]
    [InlineData("competitor", true)]
    [InlineData(" Competitor ", true)]
    [InlineData("competitors", false)]
    [InlineData("", false)]
    public void ExclusionOf_AttributeIs_IgnoresCaseOnly(string kind, bool expected) =>
        Assert.Equal(expected, Excludes(Profile("[{ attribute: kind, is: [competitor, student] }]"), new() { ["kind"] = AttributeValue.From(kind) }));

    [Theory]
    [InlineData("yes", true)]
    [InlineData("1", true)]
    [InlineData("no", false)]
    [InlineData("unknown", false)]
    public void ExclusionOf_TruthValue_IsReadAsEverywhere(string value, bool expected) =>
        Assert.Equal(expected, Excludes(Profile("[{ attribute: optout, is: [\"true\"] }]"), new() { ["optout"] = AttributeValue.From(value) }));

    [Theory]
    [InlineData("Ann@RIVAL.com", true)]
    [InlineData("ann@rival.com.example.org", false)]
    public void ExclusionOf_EndsWith_IsForDomains(string email, bool expected) =>
        Assert.Equal(expected, Excludes(Profile("[{ attribute: email, ends_with: [\"@rival.com\"] }]"), new() { ["email"] = AttributeValue.From(email) }));

    [Fact]
    public void ExclusionOf_EventOrFeature_IsTestedToo()
    {
        Assert.True(Excludes(Profile("[{ event: unsubscribed }]"), [], "visit", "unsubscribed"));
        Assert.False(Excludes(Profile("[{ event: unsubscribed }]"), [], "visit"));
        Assert.True(Excludes(Profile("[{ feature: calls, at_least: 3 }]"), new() { ["calls"] = AttributeValue.From(3.0) }));
        Assert.False(Excludes(Profile("[{ feature: calls, at_least: 3 }]"), []));
    }

    [Fact]
    public void ExclusionOf_SeveralConditions_MustAllHold()
    {
        var profile = Profile("[{ attribute: a, is: [x] }, { attribute: b, is: [y] }]");
        Assert.False(Excludes(profile, new() { ["a"] = AttributeValue.From("x") }));
        Assert.True(Excludes(profile, new() { ["a"] = AttributeValue.From("x"), ["b"] = AttributeValue.From("y") }));
    }

    [Theory]
    [InlineData("[]", "every lead would be excluded")]
    [InlineData("[{ attribute: a }]", "needs a test")]
    [InlineData("[{ is: [x] }]", "feature '' is not in the profile")]
    [InlineData("[{ attribute: a, event: b, is: [x] }]", "one of feature, group, attribute and event")]
    [InlineData("[{ event: b, is: [x] }]", "an event is counted")]
    [InlineData("[{ attribute: a, ends_with: [\"\"] }]", "empty entry")]
    [InlineData("[{ feature: nope, at_least: 1 }]", "'nope' is not in the profile")]
    public void Parse_ExclusionThatMeansNothing_IsAFault(string when, string fault) =>
        Assert.Contains(fault, Assert.Throws<ProfileException>(() => Profile(when)).Message);

    [Fact]
    public void Without_LeftOutFeature_KeepsTheOtherExclusions()
    {
        var profile = ShippedProfiles.Of(Features, "exclusions:\n  - { id: a, text: A, when: [{ feature: calls, at_least: 1 }] }\n  - { id: b, text: B, when: [{ attribute: calls, is: [x] }] }");
        Assert.Equal("b", Assert.Single(profile.Without(new HashSet<string> { "calls" }).Exclusions).Id);
    }
}
