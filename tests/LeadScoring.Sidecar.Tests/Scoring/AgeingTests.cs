using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>What time does to a score, and that the ledger tells it from news.</summary>
[Trait("Category", "Slow")]
public sealed class AgeingTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public AgeingTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<int> AgeAndRescoreAsync()
    {
        var aged = await sidecar.Get<RescoreChangedLeads>().LookAfterAgedAsync(CancellationToken.None);
        while (await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None) > 0)
        {
        }

        return aged;
    }

    private Task VisitAsync(TestOrganization organization) => organization.PutLeadAsync("a", new { last_visit_at = clock.GetUtcNow().ToString("O") });

    [Fact]
    public async Task Score_NothingHappens_FallsAndTheLedgerSaysTime()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        await VisitAsync(organization);
        clock.Advance(TimeSpan.FromHours(1));
        // 10 + a call 10 + seen within 3 days 6.
        Assert.Equal(26, (await organization.GetAsync("/v1/leads/a/score")).Body.GetProperty("score").GetDouble());
        Assert.Equal(0, await AgeAndRescoreAsync());
        clock.Advance(TimeSpan.FromDays(40));
        Assert.Equal(1, await AgeAndRescoreAsync());
        var rows = (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores");
        // The 6 are gone, 30 days of silence cost 15: 5 points.
        Assert.Equal((2, 5.0, "elapsed_time"), (rows.GetArrayLength(), rows[0].GetProperty("score").GetDouble(), rows[0].Text("cause")));
        var change = rows[0].GetProperty("change");
        Assert.Equal((-21, -21, 0, 0), (change.GetProperty("points").GetDouble(), change.GetProperty("elapsed_time").GetDouble(), change.GetProperty("new_data").GetDouble(), change.GetProperty("model").GetDouble()));
        Assert.Equal("first", rows[1].Text("cause"));
        Assert.False(rows[1].TryGetProperty("change", out _));
        // A score of today is left alone.
        Assert.Equal(0, await AgeAndRescoreAsync());
    }

    [Fact]
    public async Task Score_NewsAfterSilence_IsSplitAndSums()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        await VisitAsync(organization);
        clock.Advance(TimeSpan.FromHours(1));
        await organization.GetAsync("/v1/leads/a/score");
        clock.Advance(TimeSpan.FromDays(10));
        // Meanwhile a call became known; the last visit is 10 days ago now.
        await organization.PutLeadAsync("a", new { call_count = 1 });
        await AgeAndRescoreAsync();
        var rows = (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores");
        Assert.Equal((16.0, 20.0), (rows[1].GetProperty("score").GetDouble(), rows[0].GetProperty("score").GetDouble()));
        var change = rows[0].GetProperty("change");
        Assert.Equal((4, 10, -6), (change.GetProperty("points").GetDouble(), change.GetProperty("new_data").GetDouble(), change.GetProperty("elapsed_time").GetDouble()));
        Assert.Equal("new_data", rows[0].Text("cause"));
    }

    [Fact]
    public async Task Score_ManyChanges_TheLedgerSumsToTheScore()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var random = new Random(3);
        await organization.PutLeadAsync("a", new { });
        await organization.GetAsync("/v1/leads/a/score");
        for (var i = 0; i < 40; i++)
        {
            clock.Advance(TimeSpan.FromHours(random.Next(1, 400)));
            if (random.Next(2) == 0) await VisitAsync(organization);
            if (random.Next(3) == 0) await organization.PutLeadAsync("a", new { call_count = random.Next(3), showing_requests = random.Next(4) });
            await AgeAndRescoreAsync();
        }

        var rows = (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores").EnumerateArray().Reverse().ToArray();
        Assert.True(rows.Length > 5, $"{rows.Length} changes");
        for (var i = 1; i < rows.Length; i++)
        {
            var change = rows[i].GetProperty("change");
            var sum = change.GetProperty("new_data").GetDouble() + change.GetProperty("elapsed_time").GetDouble() + change.GetProperty("model").GetDouble();
            Assert.Equal(rows[i].GetProperty("score").GetDouble() - rows[i - 1].GetProperty("score").GetDouble(), sum, 6);
        }
    }

    [Fact]
    public async Task Score_OtherRules_AreToldFromNews()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        await organization.GetAsync("/v1/leads/a/score");
        var yaml = (await organization.GetAsync("/v1/profile")).Body.Text("yaml")!;
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = yaml.Replace("start_points: 10", "start_points: 12", StringComparison.Ordinal) });
        clock.Advance(TimeSpan.FromDays(2));
        await AgeAndRescoreAsync();
        var row = (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores")[0];
        Assert.Equal(("model", 22.0, 2.0), (row.Text("cause"), row.GetProperty("score").GetDouble(), row.GetProperty("change").GetProperty("model").GetDouble()));
    }

    [Fact]
    public async Task Age_LeadWithAnOutcome_IsLeftAlone()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        await organization.GetAsync("/v1/leads/a/score");
        await organization.PostAsync("/v1/outcomes", new { lead_id = "a", converted = true, occurred_at = clock.GetUtcNow().ToString("O") });
        clock.Advance(TimeSpan.FromDays(40));
        Assert.Equal(0, await AgeAndRescoreAsync());
    }
}
