using System.Net;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Privacy;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>What stays of a lead without its person: enough to learn and to count by, nothing that few others have.</summary>
public sealed class AnonymousTests : IAsyncLifetime
{
    // It stands on 10 June 2026, noon.
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public AnonymousTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static async Task<JsonElement> TakeOutAsync(TestOrganization organization, string leadId)
    {
        var (status, body) = await organization.SendAsync(HttpMethod.Delete, $"/v1/leads/{leadId}?keep=anonymous");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body.GetProperty("receipt");
    }

    private async Task<LabeledSet> BuildAsync(TestOrganization organization, FeatureProfile profile) => await sidecar.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None);

    [Fact]
    public async Task Delete_KeepAnonymous_TrainingAndBusinessGoOnWithoutThePerson()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/leads/batch", new { leads = Enumerable.Range(0, 60).Select(i => new { lead_id = $"c{i:00}", attributes = new { employment_type = i % 2 == 0 ? "employed" : "retired", pages_per_session = i, family_size = 9, income_bracket = "high" } }) });
        await organization.ScoreAsync(new { lead_id = "p", lead = new { employment_type = "employed", pages_per_session = 777.5, family_size = 9, income_bracket = "high", email = "p@example.com", name = "Pia" } });
        await organization.ScoreAsync(new { lead_id = "r", lead = new { employment_type = "Kanarek breeder", pages_per_session = 20 } });
        clock.Advance(TimeSpan.FromDays(3));
        foreach (var (id, converted, revenue) in (IEnumerable<(string, bool, double?)>)[("p", true, 523_417), ("r", false, null)])
            Assert.Equal(HttpStatusCode.OK, (await organization.PostAsync("/v1/outcomes", new { lead_id = id, converted, occurred_at = "2026-06-13T00:00:00Z", as_of = "2026-06-10T12:00:00Z", revenue })).Status);
        clock.Advance(TimeSpan.FromDays(120));
        var profile = (await sidecar.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None)).Profile;
        var before = (await organization.GetAsync("/v1/monitoring/business?fresh=true")).Body;
        Assert.Equal(2, before.Int("decisions"));

        foreach (var id in (string[])["p", "r"])
        {
            var receipt = await TakeOutAsync(organization, id);
            Assert.Equal(("anonymization", 1), (receipt.Text("kind"), receipt.Int("anonymous_rows")));
            Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/leads/" + id)).Status);
            Assert.Equal(HttpStatusCode.Conflict, (await organization.SendAsync(HttpMethod.Put, "/v1/leads/" + id, new { attributes = new { x = 1 } })).Status);
        }

        var set = await BuildAsync(organization, profile);
        Assert.Equal(2, set.LeadIds.Count);
        var p = set.Set.Labels[0] == 1 ? 0 : 1;
        Assert.Equal([1f, 0f], [set.Set.Labels[p], set.Set.Labels[1 - p]]);
        Assert.All(set.Set.AsOfMs!, at => Assert.Equal(new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds(), at));
        Assert.All(set.LeadIds, id => Assert.StartsWith("anon_", id, StringComparison.Ordinal));
        FeatureValue Value(int row, string feature) => set.Set.Row(row)[profile.IndexOf(feature)];
        // What everybody has stays, and so does a band; what is sensitive goes though everybody has it; what nobody else has is rare.
        Assert.Equal(("employed", 52, true, true), (Value(p, "employment_type").Level, Value(p, "pages_per_session").Number, Value(p, "family_size").IsMissing, Value(p, "income_bracket").IsMissing));
        Assert.Equal((set.LeadIds[1 - p], 16), (Value(1 - p, "employment_type").Level, Value(1 - p, "pages_per_session").Number));

        var after = (await organization.GetAsync("/v1/monitoring/business?fresh=true")).Body;
        static (int, int?)[] Grades(JsonElement report) => [.. report.GetProperty("grades").EnumerateArray().Select(g => (g.Int("leads"), (int?)g.GetProperty("conversion").Int("count")))];
        Assert.Equal(Grades(before), Grades(after));
        Assert.Equal(520_000, after.GetProperty("grades").EnumerateArray().Sum(g => g.GetProperty("revenue").GetDouble()));
        var audit = (await organization.GetAsync("/v1/audit?kind=lead.anonymized")).Body.ToString();
        Assert.Contains("lead.anonymized", audit, StringComparison.Ordinal);
        Assert.DoesNotContain("anon_", audit, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_NothingToLearnOrObjected_KeepsNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("open", new { call_count = 1 });
        await organization.PutLeadAsync("young", new { call_count = 1 });
        await organization.PostAsync("/v1/outcomes", new { lead_id = "young", converted = false, occurred_at = "2026-06-10" });
        await organization.PutLeadAsync("objects", new { call_count = 1, do_not_profile = "yes" });
        await organization.PostAsync("/v1/outcomes", new { lead_id = "objects", converted = true, occurred_at = "2026-06-10" });
        foreach (var id in (string[])["open", "young", "objects"]) Assert.Equal((id, 0), (id, (await TakeOutAsync(organization, id)).Int("anonymous_rows")));
        Assert.Empty(await sidecar.Get<AnonymousLeads>().ReadAsync(organization.Id, CancellationToken.None));
        await organization.PutLeadAsync("p", new { x = 1 });
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/p?keep=everything")).Status);
        Assert.NotNull(await organization.LeadAsync("p"));
    }

    /// <summary>Whatever the values: of everything that is written there are as many leads that would have written the same.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(60)]
    [InlineData(1_000)]
    public void Write_AnyCrowd_EveryValueIsThatOfMany(int count)
    {
        var profile = FeatureProfile.Parse("""
            name: test
            features:
              - { name: amount, from: [attribute:amount] }
              - { name: city, kind: categorical, from: [attribute:city] }
              - { name: faith, kind: categorical, from: [attribute:faith], sensitive: true }
            """);
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            // Some numbers are common, others are nobody else's; cities from everywhere to nowhere.
            FeatureValue[][] leads = [.. Enumerable.Range(0, count).Select(_ => (FeatureValue[])
            [
                new(random.Next(3) == 0 ? random.Next(4) : Math.Round(random.NextDouble() * 10, random.Next(5)), null), new(double.NaN, $"city {(int)Math.Pow(random.NextDouble() * 8, 3)}"), new(double.NaN, "some"),
            ])];
            var crowd = new Crowd(profile, leads);
            var written = leads.Select(l => JsonElement.Parse(crowd.Write(l, 0))).ToArray();
            foreach (var value in written.SelectMany(w => w.EnumerateObject()).Where(v => v.Value.ValueKind != JsonValueKind.Null).GroupBy(v => $"{v.Name} {v.Value}"))
                Assert.True(value.Count() >= 10, $"{value.Key} is of {value.Count()}, seed {seed}");
            Assert.DoesNotContain("faith", string.Join(" ", written), StringComparison.Ordinal);
            Assert.DoesNotContain("faith", crowd.Write([FeatureValue.Missing, FeatureValue.Missing, new(double.NaN, "some")], 0), StringComparison.Ordinal);
        }
    }
}
