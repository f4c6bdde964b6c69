using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Demo;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using Xunit.Abstractions;

namespace LeadScoring.Sidecar.Tests.Monitoring;

[Trait("Category", "Slow")]
public sealed class PerformanceTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private Task<string> CheckAsync(DemoTraffic traffic) => sidecar.Get<CheckPerformance>().RunAsync(traffic.Organization.Id, CancellationToken.None);

    private async Task<JsonElement> ReadAsync(DemoTraffic traffic)
    {
        var (status, body) = await traffic.Organization.GetAsync("/v1/monitoring/performance");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        output.WriteLine(body.ToString());
        return body;
    }

    private async Task<DemoLead[]> DecideAsync(DemoTraffic traffic, int leads, double baseRateShift = 0, double conceptDrift = 0)
    {
        var scored = await traffic.ScoreAsync(leads, baseRateShift: baseRateShift, conceptDrift: conceptDrift);
        clock.Advance(TimeSpan.FromDays(28 + DemoWorldSettings.HorizonDays));
        await traffic.TellOutcomesAsync(scored);
        return scored;
    }

    [NativeXGBoostFact]
    public async Task Run_OutcomesAsScored_GivesNoAlarmAndMeasuresTheDecision()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var leads = await traffic.ScoreAsync(300);
        clock.Advance(TimeSpan.FromDays(28));
        var young = (await ReadAsync(traffic)).At("windows", 0);
        Assert.False(young.GetProperty("is_mature").GetBoolean());
        Assert.Equal((0, 300), (young.GetProperty("measured").Int("outcomes"), young.GetProperty("expected").Int("leads")));
        clock.Advance(TimeSpan.FromDays(DemoWorldSettings.HorizonDays));
        await traffic.TellOutcomesAsync(leads);
        Assert.Contains("300 decisions with a final outcome; 1 windows looked at; 0 new alarms", await CheckAsync(traffic));
        Assert.Contains("0 windows looked at", await CheckAsync(traffic));
        var body = await ReadAsync(traffic);
        var window = body.GetProperty("windows").EnumerateArray().Single(w => w.GetProperty("is_mature").GetBoolean());
        var measured = window.GetProperty("measured");
        Assert.Equal((300, leads.Count(l => l.Outcome!.Converted)), (measured.Int("outcomes"), measured.Int("converted")));
        var auc = measured.GetProperty("roc_auc");
        Assert.InRange(body.GetProperty("roc_auc_in_training").GetDouble(), auc.GetProperty("low").GetDouble() - 0.05, auc.GetProperty("high").GetDouble() + 0.05);
        Assert.InRange(window.GetProperty("expected").GetProperty("roc_auc").GetDouble(), auc.GetProperty("value").GetDouble() - 0.08, auc.GetProperty("value").GetDouble() + 0.08);
        Assert.Equal(300, body.GetProperty("concept").Int("outcomes"));
        Assert.InRange(body.GetProperty("drop").GetDouble(), -0.1, 0.1);
    }

    [NativeXGBoostFact]
    public async Task Run_BaseRateMoved_GivesCalibrationAndConceptAlarmsOnce()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        await DecideAsync(traffic, 400, baseRateShift: -2);
        await CheckAsync(traffic);
        var alarms = (await ReadAsync(traffic)).GetProperty("alarms").EnumerateArray().ToArray();
        Assert.Contains(alarms, a => a.Text("kind") == "performance" && a.Text("aspect") == "calibration" && a.Text("what_to_do")!.Contains("/anchor", StringComparison.Ordinal));
        Assert.Contains(alarms, a => a.Text("kind") == "concept" && a.Text("aspect") == "fewer_conversions");
        Assert.All(alarms, a => Assert.InRange(a.GetProperty("lead_ids").GetArrayLength(), 1, 20));
        Assert.Contains("0 new alarms", await CheckAsync(traffic));
    }

    [NativeXGBoostFact]
    public async Task Run_RuleOfOutcomesChanged_IsFoundAsWeakerRanking()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        await DecideAsync(traffic, 400, conceptDrift: 1);
        await CheckAsync(traffic);
        var alarms = (await ReadAsync(traffic)).GetProperty("alarms").EnumerateArray().ToArray();
        Assert.Contains(alarms, a => a.Text("kind") == "performance" && a.Text("aspect") == "ranking");
        Assert.Contains(alarms, a => a.Text("kind") == "concept" && a.Text("aspect") == "weaker_ranking");
    }

    /// <summary>Decisions of the time before a new champion tell of the old one, which has had its alarm; those of the new one are watched anew.</summary>
    [NativeXGBoostFact]
    public async Task Run_AfterAConceptAlarm_WatchesTheNextChampionsDecisions()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        async Task<int> ConceptAlarmsAsync() => (await sidecar.Get<DriftAlarmStore>().ListAsync(traffic.Organization.Id, 100, CancellationToken.None)).Count(a => a.Kind == "concept");
        await DecideAsync(traffic, 400, baseRateShift: -2);
        await CheckAsync(traffic);
        Assert.Equal(1, await ConceptAlarmsAsync());
        var old = await traffic.ScoreAsync(300, baseRateShift: -2);
        clock.Advance(TimeSpan.FromDays(1));
        await traffic.Organization.UseModelAsync(await SmallModel.BundleAsync());
        clock.Advance(TimeSpan.FromDays(DemoWorldSettings.HorizonDays));
        await traffic.TellOutcomesAsync(old);
        await CheckAsync(traffic);
        Assert.Equal(1, await ConceptAlarmsAsync());
        Assert.Equal(0, (await ReadAsync(traffic)).GetProperty("concept").Int("outcomes"));
        await DecideAsync(traffic, 400, baseRateShift: -2);
        await CheckAsync(traffic);
        Assert.Equal(2, await ConceptAlarmsAsync());
    }

    /// <summary>What rules said before there was a model, and a challenger during a split, is not what the champion's training promised.</summary>
    [NativeXGBoostFact]
    public async Task Run_DecisionsByAnotherThanAChampion_GiveNoAlarmAndStandApart()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var leads = await traffic.ScoreAsync(400, baseRateShift: -2);
        clock.Advance(TimeSpan.FromDays(28 + DemoWorldSettings.HorizonDays));
        await traffic.TellOutcomesAsync(leads);
        var challenger = await traffic.Organization.ImportModelAsync(await SmallModel.BundleAsync());
        string[] rules = [.. leads.Take(100).Select(l => l.LeadId)], tried = [.. leads.Skip(100).Select(l => l.LeadId)];
        await using (var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None))
        {
            foreach (var (ids, version) in new[] { (rules, (int?)null), (tried, challenger) })
                await connection.ExecuteAsync("update scores set model_version = @version where organization_id = @Id and lead_id = @lead", ids.Select(lead => new { version, traffic.Organization.Id, lead }));
        }

        Assert.Contains("0 decisions with a final outcome", await CheckAsync(traffic));
        var body = await ReadAsync(traffic);
        Assert.Empty(body.GetProperty("alarms").EnumerateArray());
        var models = body.GetProperty("models").EnumerateArray().ToArray();
        Assert.Equal([(challenger, 300), (0, 100)], models.Select(m => (m.TryGetProperty("model_version", out var v) && v.ValueKind == JsonValueKind.Number ? v.GetInt32() : 0, m.GetProperty("measured").Int("outcomes"))));
        Assert.All(models, m => Assert.False(m.GetProperty("is_champion").GetBoolean()));
    }

    [NativeXGBoostFact]
    public async Task Read_ScoresAfterTheDecision_DoNotCount()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var leads = await traffic.ScoreAsync(40);
        var before = await sidecar.Get<DecidedLeads>().FirstScoresAsync(traffic.Organization.Id, 0, CancellationToken.None);
        clock.Advance(TimeSpan.FromDays(5));
        // What they do now moves their scores; the decision was made before.
        foreach (var lead in leads)
            await traffic.Organization.PostAsync("/v1/events", new { event_id = "late-" + lead.LeadId, lead_id = lead.LeadId, type = "showing_request", source = "crm", occurred_at = clock.GetUtcNow() });
        await traffic.Organization.PostAsync("/v1/score/batch", new { items = leads.Select(l => new { lead_id = l.LeadId }) });
        clock.Advance(TimeSpan.FromDays(120));
        await traffic.TellOutcomesAsync(leads);
        var decided = await sidecar.Get<DecidedLeads>().ReadAsync(traffic.Organization.Id, 0, CancellationToken.None);
        Assert.Equal(before.Select(b => b.Probability).Order(), decided.Select(d => d.Probability).Order());
        Assert.All(decided, d => Assert.Equal(leads[0].DecisionMs, d.ScoredAtMs));
    }
}
