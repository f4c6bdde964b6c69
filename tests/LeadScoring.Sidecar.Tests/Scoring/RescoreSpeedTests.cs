using System.Diagnostics;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Training;
using Xunit.Abstractions;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Runs alone: what it measures is this process's.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class AloneCollection;

/// <summary>10,000 stored leads scored, explained and written anew. Bounded in this process's CPU time: a busy machine makes everything slow, not this alone.</summary>
[Collection("Alone")]
public sealed class RescoreSpeedTests(SidecarFactory sidecar, ITestOutputHelper output) : IClassFixture<SidecarFactory>
{
    private const int Leads = 10_000;

    [NativeXGBoostFact]
    public async Task Run_TenThousandLeads_TakesUnderTenSecondsOfCpu()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var random = new Random(1);
        for (var from = 0; from < Leads; from += 1_000)
        {
            await organization.PostAsync("/v1/leads/batch", Enumerable.Range(from, 1_000).Select(i => new
            {
                lead_id = $"l{i:00000}", attributes = new { website_sessions = random.Next(20), avg_pages_viewed = random.Next(9), showing_requests = random.Next(3), call_count = random.Next(4), days_since_last_visit = random.Next(60) },
            }).ToArray());
        }

        var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
        var worker = sidecar.Get<RescoreChangedLeads>();
        var (clock, before) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var done = 0;
        while (await worker.RunBatchAsync(CancellationToken.None) is > 0 and var leads) done += leads;
        var cpu = Environment.CpuUsage.TotalTime - before;
        output.WriteLine($"{done:N0} leads ({(sidecar.Get<Database>().IsPostgres ? "PostgreSQL" : "SQLite")}): {clock.Elapsed.TotalSeconds:0.0} s, {cpu.TotalSeconds:0.0} s of this process's CPU");
        Assert.Equal(Leads, done);
        Assert.True(cpu < TimeSpan.FromSeconds(10), $"{cpu.TotalSeconds:0.0} s of CPU");
        Assert.Equal(version, (await organization.GetAsync("/v1/leads?limit=1")).Body.GetProperty("leads")[0].Int("model_version"));
    }
}
