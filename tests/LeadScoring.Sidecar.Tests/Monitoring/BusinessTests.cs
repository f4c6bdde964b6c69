using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Demo;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using Xunit.Abstractions;

namespace LeadScoring.Sidecar.Tests.Monitoring;

[Trait("Category", "Slow")]
public sealed class BusinessTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<JsonElement> ReadAsync(TestOrganization organization, string path)
    {
        var (status, body) = await organization.GetAsync(path);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        output.WriteLine(body.ToString());
        return body;
    }

    private async Task<DemoTraffic> DecidedAsync(int leads)
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var scored = await traffic.ScoreAsync(leads);
        clock.Advance(TimeSpan.FromDays(DemoWorldSettings.HorizonDays + 1));
        await traffic.TellOutcomesAsync(scored);
        return traffic;
    }

    [NativeXGBoostFact]
    public async Task Business_DemoLeads_CountsByTheGradeAtTheDecision()
    {
        var traffic = await DecidedAsync(300);
        // Grades of today are others: a lead that is open again, or a model that came later, must not change what was decided.
        await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync("update leads set grade = 'D', score = 1 where organization_id = @Id", new { traffic.Organization.Id }, CancellationToken.None), CancellationToken.None);
        var body = await ReadAsync(traffic.Organization, "/v1/monitoring/business");
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        var grades = (await connection.QueryAsync<(string LeadId, string Grade)>("select lead_id, grade from scores where organization_id = @Id and change = 1", new { traffic.Organization.Id })).ToDictionary(g => g.LeadId, g => g.Grade);
        Assert.Equal(300, body.Int("decisions"));
        foreach (var grade in body.GetProperty("grades").EnumerateArray())
        {
            var own = traffic.Leads.Where(l => grades[l.LeadId] == grade.Text("name")).ToArray();
            var converted = own.Where(l => l.Outcome!.Converted).ToArray();
            Assert.Equal((own.Length, converted.Length), (grade.Int("leads"), grade.GetProperty("conversion").Int("count")));
            Assert.Equal(converted.Sum(l => l.Outcome!.Revenue!.Value), grade.GetProperty("revenue").GetDouble(), 1);
            if (grade.Text("name") is "A" or "B") Assert.Equal(own.Length - converted.Length, grade.GetProperty("false_positives").Int("count"));
        }

        var queue = body.GetProperty("queue");
        Assert.Equal(60, queue.GetProperty("by_score").Int("of"));
        Assert.True(queue.GetProperty("ratio").GetProperty("low").GetDouble() > 1, queue.ToString());
    }

    [NativeXGBoostFact]
    public async Task Impact_NoHoldOut_IsBacktestedAndSaysSo()
    {
        var traffic = await DecidedAsync(300);
        var body = await ReadAsync(traffic.Organization, "/v1/monitoring/impact");
        var figures = body.GetProperty("figures").EnumerateArray().ToDictionary(f => f.Text("name")!);
        Assert.Equal((300, 0), (body.Int("decisions"), body.Int("hold_out")));
        foreach (var name in (string[])["conversion_rate", "wasted_outreach", "closed_deals"])
        {
            Assert.Equal("backtest", figures[name].Text("method"));
            Assert.Contains("No experiment", figures[name].Text("how"));
            Assert.Equal(60, figures[name].Int("with"));
        }

        Assert.True(figures["conversion_rate"].GetProperty("change").GetProperty("value").GetDouble() > 0.3);
        Assert.True(figures["wasted_outreach"].GetProperty("change").GetProperty("value").GetDouble() < -0.4);
        Assert.Equal("not_measured", figures["time_to_contact"].Text("method"));
        Assert.False(figures["time_to_contact"].TryGetProperty("is_met", out _));
    }

    [NativeXGBoostFact]
    public async Task Impact_HoldOut_IsWhatTheGroupsDid()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var leads = await traffic.ScoreAsync(200);
        // Every other lead is worked without its score: called after two days, the others after one hour.
        for (var i = 0; i < leads.Length; i++)
        {
            var leadId = leads[i].LeadId;
            // Half of them marked by a workflow, half drawn at their first score.
            if (i % 4 == 0) await traffic.Organization.PutLeadAsync(leadId, new { hold_out = true });
            if (i % 4 == 2) await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync("update leads set slice = 'hold_out', slice_probability = 0.5 where organization_id = @Id and lead_id = @leadId", new { traffic.Organization.Id, leadId }, CancellationToken.None), CancellationToken.None);
        }

        clock.Advance(TimeSpan.FromDays(DemoWorldSettings.HorizonDays + 1));
        for (var i = 0; i < leads.Length; i++)
        {
            var takenAt = DateTimeOffset.FromUnixTimeMilliseconds(leads[i].DecisionMs).AddHours(i % 2 == 0 ? 48 : 1);
            var (status, body) = await traffic.Organization.PostAsync($"/v1/leads/{leads[i].LeadId}/actions", new { action_id = "call", channel = "phone", taken_at = takenAt });
            Assert.True(status == HttpStatusCode.OK, body.ToString());
        }

        await traffic.TellOutcomesAsync(leads);
        var impact = await ReadAsync(traffic.Organization, "/v1/monitoring/impact");
        var figures = impact.GetProperty("figures").EnumerateArray().ToDictionary(f => f.Text("name")!);
        Assert.Equal(100, impact.Int("hold_out"));
        Assert.All(figures.Values, f => Assert.Equal("hold_out", f.Text("method")));
        Assert.Equal((1 / 48.0) - 1, figures["time_to_contact"].GetProperty("change").GetProperty("value").GetDouble(), 3);
        double Rate(int group) => leads.Where((_, i) => i % 2 == group).Count(l => l.Outcome!.Converted) / 100.0;
        Assert.Equal((Rate(1) / Rate(0)) - 1, figures["conversion_rate"].GetProperty("change").GetProperty("value").GetDouble(), 3);
    }

    [NativeXGBoostFact]
    public async Task Fairness_DemoLeads_ComparesGroupsOnOutcomes()
    {
        var traffic = await DecidedAsync(600);
        var body = await ReadAsync(traffic.Organization, "/v1/monitoring/fairness");
        Assert.Equal(600, body.Int("decisions"));
        var age = body.GetProperty("observed").GetProperty("attributes").EnumerateArray().First(a => a.GetProperty("groups").GetArrayLength() > 1);
        Assert.All(age.GetProperty("groups").EnumerateArray(), g => Assert.True(g.Int("leads") >= 100));
        Assert.True(body.TryGetProperty("in_training", out _));
    }

    [Fact]
    public async Task Business_NothingKnown_SaysSoWithoutFigures()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var body = await ReadAsync(organization, "/v1/monitoring/business");
        Assert.Equal(0, body.Int("decisions"));
        Assert.False(body.TryGetProperty("queue", out _));
        var impact = await ReadAsync(organization, "/v1/monitoring/impact");
        Assert.All(impact.GetProperty("figures").EnumerateArray(), f => Assert.Equal("not_measured", f.Text("method")));
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/monitoring/business?days=0")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/monitoring/impact?capacity=1")).Status);
        await ReadAsync(organization, "/v1/monitoring/fairness");
        await ReadAsync(organization, "/v1/monitoring/performance");
    }

    [Fact]
    public void RepAgainstModel_DifferingDecisions_CountsFirstOverrideBeforeTheOutcome()
    {
        StoredOverride One(string lead, string rep, string machine, long at, int change = 1) => new() { LeadId = lead, Grade = rep, MachineGrade = machine, SetAtMs = at, Change = change };
        var overrides = new List<StoredOverride>
        {
            One("agree", "A", "B", 1), One("late", "A", "D", 100), One("open", "A", "D", 1), One("two", "A", "D", 1), One("two", "D", "A", 2, 2),
        };
        overrides.AddRange(Enumerable.Range(0, 9).Select(i => One($"right-{i}", "A", "D", 1)));
        var outcomes = overrides.Where(o => o.LeadId != "open").Select(o => o.LeadId).Distinct().ToDictionary(id => id, id => (Converted: id != "two", OccurredAtMs: 50L));
        var result = RepAgainstModel.Of(overrides, outcomes);
        Assert.Equal((11, 10, 9, 10), (result.Overrides, result.Differing, result.RepRight.Count, result.RepRight.Of));
        Assert.Equal("rep", result.Verdict);
        Assert.Equal("open", RepAgainstModel.Of([One("x", "A", "D", 1)], new Dictionary<string, (bool, long)> { ["x"] = (true, 5) }).Verdict);
    }
}
