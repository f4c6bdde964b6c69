using System.Text.Json;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

/// <summary>The 26 features of the default profile, each against a value that a person computes by hand.</summary>
public sealed class RealEstateProfileTests
{
    // A Wednesday, 07:00 in New York (UTC-5).
    private static readonly long AsOf = Events.At("2026-03-04T12:00:00Z");

    private static readonly (string Group, string[] Features)[] Promised =
    [
        ("demographic", ["age_group", "income_bracket", "family_size", "employment_type"]),
        ("behavioral", ["total_sessions", "pages_per_session", "recency", "frequency", "total_time_on_site", "property_views", "saved_searches"]),
        ("engagement", ["email_opens", "link_clicks", "form_submissions", "chat_interactions", "phone_calls", "showing_requests"]),
        ("intent", ["mortgage_calculator_use", "school_search", "neighborhood_research", "price_drop_alerts", "virtual_tour_views"]),
        ("temporal", ["days_in_pipeline", "weekend_activity", "evening_activity", "activity_trend"]),
    ];

    [Fact]
    public void Features_NamesGroupsAndOrder_AreThePromised26()
    {
        var profile = ShippedProfiles.RealEstate.Value;
        Assert.Equal(26, profile.Features.Count);
        Assert.Equal(Promised.SelectMany(g => g.Features.Select(f => (g.Group, f))), profile.Features.Select(f => (f.Group, f.Name)));
    }

    [Fact]
    public void Features_KindsAndSensitivity_ArePinned()
    {
        var profile = ShippedProfiles.RealEstate.Value;
        Assert.Equal(["age_group", "income_bracket", "employment_type"], profile.Features.Where(f => f.Kind == FeatureKind.Categorical).Select(f => f.Name));
        Assert.Equal(["age_group", "income_bracket", "family_size"], profile.Features.Where(f => f.Sensitive).Select(f => f.Name));
        Assert.DoesNotContain(profile.Features, f => f.Kind == FeatureKind.Boolean);
        Assert.All(profile.Features, f => Assert.False(string.IsNullOrWhiteSpace(f.Label)));
    }

    [Theory]
    [InlineData("age_group", "45-54")]
    [InlineData("income_bracket", null)]
    [InlineData("employment_type", "self-employed")]
    public void Extract_LevelsFromAttributes_AreReadOrBanded(string feature, string? expected)
    {
        var lead = Lead(new() { ["age"] = AttributeValue.From(45), ["zip_code"] = AttributeValue.From("10001"), ["employment_status"] = AttributeValue.From(" self-employed ") });
        Assert.Equal(expected, Value(feature, lead).Level);
    }

    [Theory]
    [InlineData(24.9, "under 25")]
    [InlineData(25, "25-34")]
    [InlineData(34, "25-34")]
    [InlineData(64, "55-64")]
    [InlineData(65, "65+")]
    [InlineData(-1, "under 25")]
    public void AgeGroup_FromAge_FallsIntoItsBand(double age, string expected) =>
        Assert.Equal(expected, Value("age_group", Lead(new() { ["age"] = AttributeValue.From(age) })).Level);

    [Theory]
    [InlineData("1986-03-05", "35-44")]
    [InlineData("1981-03-01", "45-54")]
    [InlineData("2030-01-01", "under 25")]
    public void AgeGroup_FromDateOfBirth_IsTheAgeAsOfTheMoment(string born, string expected) =>
        Assert.Equal(expected, Value("age_group", Lead(new() { ["date_of_birth"] = AttributeValue.From(born) })).Level);

    [Fact]
    public void AgeGroup_AlreadyALevel_IsKept() =>
        Assert.Equal("25-34", Value("age_group", Lead(new() { ["age_group"] = AttributeValue.From("25-34") })).Level);

    [Fact]
    public void IncomeBracket_ReadyMade_IsReadThoughTheZipTableIsEmpty() =>
        Assert.Equal("75-100k", Value("income_bracket", Lead(new() { ["income_bracket"] = AttributeValue.From("75-100k") })).Level);

    [Fact]
    public void IncomeBracket_ZipInTheUsersTable_IsLookedUp()
    {
        var yaml = ShippedProfiles.Text("real-estate").Replace("income_by_zip: {}", "income_by_zip: { \"10001\": high }", StringComparison.Ordinal);
        var profile = FeatureProfile.Parse(yaml);
        Assert.Equal("high", Value("income_bracket", Lead(new() { ["zip_code"] = AttributeValue.From(10001) }), profile).Level);
        Assert.True(Value("income_bracket", Lead(new() { ["zip_code"] = AttributeValue.From(99999) }), profile).IsMissing);
        Assert.Equal("low", Value("income_bracket", Lead(new() { ["zip_code"] = AttributeValue.From(10001), ["income_bracket"] = AttributeValue.From("low") }), profile).Level);
    }

    [Theory]
    [InlineData("total_sessions", 3)] // s1, s2 and the slot of the form
    [InlineData("pages_per_session", 5)] // (10 + 4 + 1) / 3
    [InlineData("recency", 2)] // last own: the call on the 2nd
    [InlineData("frequency", 1.5)] // 3 visits in 14 days = two weeks
    [InlineData("total_time_on_site", 12)] // 600 + 60 + 60 seconds
    [InlineData("property_views", 2)]
    [InlineData("saved_searches", 1)]
    [InlineData("email_opens", 0.5)] // 2 of 4
    [InlineData("link_clicks", 0.25)] // 1 of 4
    [InlineData("form_submissions", 1)]
    [InlineData("chat_interactions", 1)]
    [InlineData("phone_calls", 1)]
    [InlineData("showing_requests", 1)]
    [InlineData("mortgage_calculator_use", 2)]
    [InlineData("school_search", 1)]
    [InlineData("neighborhood_research", 1)]
    [InlineData("price_drop_alerts", 1)]
    [InlineData("virtual_tour_views", 1)]
    [InlineData("days_in_pipeline", 14)]
    public void Extract_FromEvents_IsWhatAPersonComputes(string feature, double expected) =>
        Assert.Equal(expected, Value(feature, Lead([], History)).Number, 12);

    [Fact]
    public void FamilySize_FromEitherAttribute_IsTheNumber()
    {
        Assert.Equal(4, Value("family_size", Lead(new() { ["family_size"] = AttributeValue.From("4") })).Number);
        Assert.Equal(3, Value("family_size", Lead(new() { ["household_size"] = AttributeValue.From(3) })).Number);
    }

    [Fact]
    public void ActivityTrend_OneTwoThreeEventsAWeek_RisesByOne()
    {
        // Weeks of seven days up to and including the as-of day: 12-18 Feb, 19-25 Feb, 26 Feb - 4 Mar.
        var events = new[] { "02-13", "02-20", "02-24", "02-26", "03-01", "03-04" }.Select((d, i) => Events.One($"t{i}", "chat", Events.At($"2026-{d}T10:00:00Z"))).ToArray();
        Assert.Equal(1, Value("activity_trend", Lead([], events)).Number, 12);
    }

    [Fact]
    public void ActivityTrend_History_IsItsSlope() =>
        Assert.Equal(2, Value("activity_trend", Lead(new() { ["activity_history"] = AttributeValue.From([1.0, 3, 5, 7]) })).Number, 12);

    [Fact]
    public void WeekendAndEvening_AreCountedInTheProfilesZone()
    {
        ActivityEvent[] events =
        [
            // Saturday 03:30 UTC is Friday 22:30 in New York: evening, no weekend.
            Events.One("a", "chat", Events.At("2026-02-28T03:30:00Z")),
            // Monday 02:00 UTC is Sunday 21:00: weekend and evening.
            Events.One("b", "chat", Events.At("2026-03-02T02:00:00Z")),
            // Saturday 15:00 UTC is 10:00: weekend.
            Events.One("c", "chat", Events.At("2026-02-28T15:00:00Z")),
            // Tuesday 04:00 UTC is Monday 23:00: the evening is over.
            Events.One("d", "chat", Events.At("2026-03-03T04:00:00Z")),
        ];
        Assert.Equal(0.5, Value("weekend_activity", Lead([], events)).Number, 12);
        Assert.Equal(0.5, Value("evening_activity", Lead([], events)).Number, 12);
    }

    [Theory]
    [InlineData("website_sessions", "total_sessions")]
    [InlineData("avg_pages_viewed", "pages_per_session")]
    [InlineData("cumulative_duration", "total_time_on_site")]
    [InlineData("properties_viewed_count", "property_views")]
    [InlineData("saved_searches", "saved_searches")]
    [InlineData("email_open_rate", "email_opens")]
    [InlineData("click_rate", "link_clicks")]
    [InlineData("forms_completed", "form_submissions")]
    [InlineData("chat_count", "chat_interactions")]
    [InlineData("call_count", "phone_calls")]
    [InlineData("showing_requests", "showing_requests")]
    [InlineData("calc_usage", "mortgage_calculator_use")]
    [InlineData("school_searches", "school_search")]
    [InlineData("area_research", "neighborhood_research")]
    [InlineData("alert_subscriptions", "price_drop_alerts")]
    [InlineData("virtual_tours", "virtual_tour_views")]
    [InlineData("days_since_last_visit", "recency")]
    [InlineData("visit_frequency", "frequency")]
    [InlineData("weekend_activity_ratio", "weekend_activity")]
    [InlineData("evening_activity_ratio", "evening_activity")]
    [InlineData("days_in_pipeline", "days_in_pipeline")]
    public void Extract_ReadyMadeAttribute_IsReadAsNumberAndAsText(string attribute, string feature)
    {
        Assert.Equal(0.5, Value(feature, Lead(new() { [attribute] = AttributeValue.From(0.5) })).Number);
        Assert.Equal(0.5, Value(feature, Lead(new() { [attribute] = AttributeValue.From("0,5") })).Number);
    }

    [Fact]
    public void SavedSearches_List_IsItsLength()
    {
        using var json = JsonDocument.Parse("""[{"city":"Boston"},{"city":"Salem"},null]""");
        Assert.Equal(3, Value("saved_searches", Lead(new() { ["saved_searches"] = AttributeValue.From(json.RootElement) })).Number);
    }

    [Theory]
    [InlineData("last_visit_at", "recency", 3)]
    [InlineData("created_at", "days_in_pipeline", 3)]
    public void Extract_DateAttribute_CountsDaysToTheMoment(string attribute, string feature, double days)
    {
        Assert.Equal(days, Value(feature, Lead(new() { [attribute] = AttributeValue.From("2026-03-01T12:00:00Z") })).Number);
        Assert.Equal(days, Value(feature, Lead(new() { [attribute] = AttributeValue.From((double)Events.At("2026-03-01T12:00:00Z")) })).Number);
        Assert.Equal(days, Value(feature, Lead(new() { [attribute] = AttributeValue.From($"{Events.At("2026-03-01T12:00:00Z")}") })).Number);
        Assert.Equal(0, Value(feature, Lead(new() { [attribute] = AttributeValue.From("2031-01-01") })).Number);
    }

    [Fact]
    public void DaysInPipeline_CreatedAtOfTheStore_StandsInForTheAttribute()
    {
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue>(), new ActivityState(), AsOf - (10 * Events.Day));
        Assert.Equal(10, Value("days_in_pipeline", lead).Number);
    }

    [Fact]
    public void Extract_ZeroCount_YieldsToTheAttributeAndElseStaysZero()
    {
        ActivityEvent[] chat = [Events.One("a", "chat", AsOf - Events.Day)];
        Assert.Equal(7, Value("phone_calls", Lead(new() { ["call_count"] = AttributeValue.From(7) }, chat)).Number);
        Assert.Equal(0, Value("phone_calls", Lead([], chat)).Number);
        Assert.Equal(1, Value("chat_interactions", Lead(new() { ["chat_count"] = AttributeValue.From(9) }, chat)).Number);
    }

    [Theory]
    [InlineData("total_sessions", "website_sessions")]
    [InlineData("total_time_on_site", "cumulative_duration")]
    [InlineData("frequency", "visit_frequency")]
    public void Extract_NoVisitSeen_YieldsToTheAttributeAndElseIsZero(string feature, string attribute)
    {
        // The website is not connected: only e-mails are seen, and the CRM brings the visits.
        ActivityEvent[] mail = [Events.One("a", "email_opened", AsOf - Events.Day)];
        Assert.Equal(14, Value(feature, Lead(new() { [attribute] = AttributeValue.From(14) }, mail)).Number);
        Assert.Equal(0, Value(feature, Lead([], mail)).Number);
    }

    [Fact]
    public void Extract_NothingKnown_IsAllMissing() =>
        Assert.All(new FeatureExtractor(ShippedProfiles.RealEstate.Value).Extract(Lead([]), AsOf), v => Assert.True(v.IsMissing));

    [Fact]
    public void Extract_EventsAfterTheMomentAdded_ChangesNoFeature()
    {
        var extractor = new FeatureExtractor(ShippedProfiles.RealEstate.Value);
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var asOf = AsOf + random.NextInt64(-400 * Events.Day, 400 * Events.Day);
            var past = Events.Random(random, random.Next(40), asOf).Where(e => e.OccurredAtMs <= asOf).ToArray();
            var future = Events.Random(random, 40, asOf + (30 * Events.Day)).Where(e => e.OccurredAtMs > asOf).Select(e => e with { EventId = "later " + e.EventId });
            ActivityEvent[] all = [.. past, .. future];
            random.Shuffle(all);
            var expected = extractor.Extract(Lead([], past, asOf), asOf);
            Assert.Equal(expected, extractor.Extract(Lead([], all, asOf), asOf));
        }
    }

    [Fact]
    public void Extract_HostileAttributesAndEvents_NeverThrowsAndIsAlwaysDefined()
    {
        string[] json =
        [
            "null", "\"\"", "\"NaN\"", "1e999", "-1e999", "\"Infinity\"", "{\"a\":{\"b\":[1,{}]}}", "[[[1]],null,\"x\"]", "[]", "true", "\"yes\"", "\"1,234.5\"", "\"3,5\"", "\"45 %\"",
            "\"2999-01-01\"", "-5", "\"\\u0000\"", "\"NULL\"", "1e308", "-1e308", "\"abc\"", "[1e308,-1e308,1e308]", "\"9999-12-31T23:59:59+14:00\"", "\"0001-01-01\"", "9e15",
        ];
        var extractor = new FeatureExtractor(ShippedProfiles.RealEstate.Value);
        var names = ShippedProfiles.RealEstate.Value.Features.SelectMany(f => f.Sources).Where(s => !s.IsActivity).Select(s => s.Name).Distinct().ToArray();
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var attributes = new Dictionary<string, AttributeValue>();
            foreach (var name in names)
            {
                using var document = JsonDocument.Parse(json[random.Next(json.Length)]);
                if (random.Next(5) > 0) attributes[name] = AttributeValue.From(document.RootElement);
            }

            var values = extractor.Extract(Lead(attributes, Events.Random(random, random.Next(10), AsOf)), AsOf);
            for (var f = 0; f < values.Length; f++)
            {
                Assert.False(double.IsInfinity(values[f].Number), names[0]);
                var categorical = extractor.Profile.Features[f].Kind == FeatureKind.Categorical;
                Assert.True(categorical ? double.IsNaN(values[f].Number) : values[f].Level is null);
            }
        }
    }

    [Fact]
    public void Extract_WrongLength_NamesBothLengths()
    {
        var ex = Assert.Throws<ArgumentException>(() => new FeatureExtractor(ShippedProfiles.RealEstate.Value).Extract(Lead([]), AsOf, new FeatureValue[3]));
        Assert.Contains("3", ex.Message);
        Assert.Contains("26", ex.Message);
    }

    /// <summary>Two weeks of one lead: first on 18 Feb 12:00, last own event on 2 Mar 12:00, a later mail of ours.</summary>
    private static ActivityEvent[] History =>
    [
        Events.One("1", "session", Events.At("2026-02-18T12:00:00Z"), ("session_id", AttributeValue.From("s1")), ("pages", AttributeValue.From(10)), ("duration_seconds", AttributeValue.From(600))),
        Events.One("2", "session", Events.At("2026-02-20T12:00:00Z"), ("session_id", AttributeValue.From("s2")), ("pages", AttributeValue.From(4)), ("duration_seconds", AttributeValue.From(60))),
        Events.One("3", "page_view", Events.At("2026-02-20T12:10:00Z"), ("session_id", AttributeValue.From("s2")), ("duration_seconds", AttributeValue.From(60))),
        Events.One("4", "property_view", Events.At("2026-02-20T12:10:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("5", "property_view", Events.At("2026-02-20T12:12:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("6", "saved_search", Events.At("2026-02-20T12:13:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("7", "mortgage_calculator", Events.At("2026-02-20T12:14:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("8", "mortgage_calculator", Events.At("2026-02-20T12:15:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("9", "school_search", Events.At("2026-02-20T12:16:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("10", "neighborhood_research", Events.At("2026-02-20T12:17:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("11", "price_drop_alert", Events.At("2026-02-20T12:18:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("12", "virtual_tour", Events.At("2026-02-20T12:19:00Z"), ("session_id", AttributeValue.From("s2"))),
        Events.One("13", "form_submission", Events.At("2026-02-21T12:00:00Z")),
        Events.One("14", "chat", Events.At("2026-02-21T12:05:00Z")),
        Events.One("15", "showing_request", Events.At("2026-02-22T12:00:00Z")),
        Events.One("16", "phone_call", Events.At("2026-03-02T12:00:00Z")),
        .. Enumerable.Range(0, 4).Select(i => Events.One($"sent{i}", "email_sent", Events.At("2026-03-03T12:00:00Z"))),
        Events.One("20", "email_opened", Events.At("2026-02-25T12:00:00Z")),
        Events.One("21", "email_opened", Events.At("2026-02-26T12:00:00Z")),
        Events.One("22", "email_clicked", Events.At("2026-02-26T12:01:00Z")),
    ];

    private static LeadSnapshot Lead(Dictionary<string, AttributeValue> attributes, ActivityEvent[]? events = null, long? asOf = null) =>
        new(attributes, ActivityState.Replay(events ?? [], asOf ?? AsOf));

    private static FeatureValue Value(string feature, LeadSnapshot lead, FeatureProfile? profile = null)
    {
        profile ??= ShippedProfiles.RealEstate.Value;
        return new FeatureExtractor(profile).Extract(lead, AsOf)[profile.IndexOf(feature)];
    }
}
