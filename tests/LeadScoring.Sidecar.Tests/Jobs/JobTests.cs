using System.Diagnostics;
using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Jobs;

/// <summary>The schedule: what runs when, one at a time, with a history that says what came of it.</summary>
[Trait("Category", "Slow")]
public sealed class JobTests : IAsyncLifetime
{
    // The clock stands at Wednesday 2026-06-10, 12:00 UTC.
    private const string Hourly = "0 10 * * * ?";

    private readonly TestClock clock = new();
    private readonly TestJob.Control control = new();
    private readonly SidecarFactory sidecar;

    public JobTests() => sidecar = new SidecarFactory { Configure = Add };

    public Task InitializeAsync()
    {
        sidecar.Settings["LeadScoring:Jobs:TimeZone"] = "Europe/Berlin";
        sidecar.Settings["LeadScoring:Jobs:KeepRuns"] = "3";
        return sidecar.InitializeAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private void Add(IServiceCollection services) => services.AddSingleton<TimeProvider>(clock).AddSingleton(control).AddJob<TestJob>(TestJob.Name, Hourly, "For tests.");

    /// <summary>Another process over the same database, which runs jobs. Dispose it.</summary>
    private async Task<WebApplication> ReplicaAsync()
    {
        var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>(sidecar.Settings)
        {
            ["LeadScoring:Data"] = sidecar.Data, ["LeadScoring:Database"] = sidecar.Get<Database>().Setting, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Scoring:RescoreChangedLeads"] = "false",
            ["LeadScoring:Training:RunHere"] = "false", ["LeadScoring:Webhooks:DeliverHere"] = "false", ["LeadScoring:Jobs:RunHere"] = "true",
        });
        builder.WebHost.UseTestServer();
        Add(builder.Services);
        var replica = builder.Build();
        replica.MapSlices();
        await replica.StartAsync();
        return replica;
    }

    private static async Task<JsonElement> JobAsync(TestOrganization organization, string name = TestJob.Name) =>
        (await organization.GetAsync("/v1/jobs")).Body.GetProperty("jobs").EnumerateArray().Single(j => j.Text("name") == name);

    private static async Task<JsonElement> LastRunAsync(TestOrganization organization) => (await JobAsync(organization)).At("last_runs", 0);

    private static async Task<JsonElement> EndedAsync(TestOrganization organization, int runs)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var job = await JobAsync(organization);
            if (job.GetProperty("last_runs").GetArrayLength() >= runs && !job.GetProperty("is_running").GetBoolean()) return job.At("last_runs", 0);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"No run ended: {job}");
            await Task.Delay(50);
        }
    }

    private Task RunAsync() => sidecar.Get<RunJob>().RunAsync(sidecar.Get<JobSchedules>().Jobs.Single(j => j.Name == TestJob.Name), isRecovery: false, CancellationToken.None);

    [Fact]
    public async Task List_BeforeAnyRun_SaysWhenEachIsNext()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.GetAsync("/v1/jobs");
        Assert.Equal((HttpStatusCode.OK, "Europe/Berlin", false), (status, body.Text("time_zone"), body.GetProperty("runs_here").GetBoolean()));
        var norms = await JobAsync(organization, "contact_norms");
        // 3:40 in Berlin, which is on summer time.
        Assert.Equal(("0 40 3 * * ?", "2026-06-11T01:40:00.000Z", 0), (norms.Text("schedule"), norms.Text("next_run_at"), norms.GetProperty("last_runs").GetArrayLength()));
        Assert.Equal("2026-06-10T12:10:00.000Z", (await JobAsync(organization)).Text("next_run_at"));
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/jobs?runs=101")).Status);
    }

    [Fact]
    public async Task Run_EveryJobOfTheProduct_WithoutAModel_EndsWithWords()
    {
        var organization = await sidecar.NewOrganizationAsync();
        string[] expected = ["contact_norms", "drift", "experiments", "outcomes", "performance", "reports", "retention", "retrain", "retrain_check", "reviews", "scrub", "sync"];
        var jobs = sidecar.Get<JobSchedules>().Jobs.Where(j => j.Name != TestJob.Name).ToArray();
        Assert.Equal(expected, jobs.Select(j => j.Name).Order());
        foreach (var job in jobs)
        {
            await sidecar.Get<RunJob>().RunAsync(job, isRecovery: false, CancellationToken.None);
            var run = (await JobAsync(organization, job.Name)).At("last_runs", 0);
            Assert.True(run.Text("error") is null && run.Text("result") is { Length: > 10 }, $"{job.Name}: {run}");
        }
    }

    [Theory]
    [InlineData("retrian=0 0 3 ? * SUN", "UTC", "there is no job 'retrian'")]
    [InlineData("test_job", "UTC", "'test_job' is not of the form name=cron")]
    [InlineData("test_job=every day", "UTC", "schedule of 'test_job' is no cron expression")]
    [InlineData("test_job=0 61 * * * ?", "UTC", "schedule of 'test_job' is no cron expression")]
    [InlineData("", "Mars/Olympus", "knows no zone 'Mars/Olympus'")]
    public void Check_WhatWouldNeverFire_IsRefusedWithWhatToWrite(string schedules, string zone, string complaint)
    {
        var result = sidecar.Services.GetServices<IValidateOptions<JobOptions>>().OfType<JobOptionsCheck>().Single().Validate(null, new JobOptions { Schedules = schedules, TimeZone = zone });
        Assert.True(result.Failed);
        Assert.Contains(complaint, result.FailureMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Schedules_Settings_GoBeforeTheJobsOwn()
    {
        var jobs = sidecar.Services.GetServices<ScheduledJob>();
        var schedules = new JobSchedules(new JobOptions { Schedules = "test_job=0 0 5 ? * MON ; contact_norms=OFF;" }, jobs);
        Assert.Equal(new DateTimeOffset(2026, 6, 15, 5, 0, 0, TimeSpan.Zero), schedules.NextAfter("test_job", clock.GetUtcNow()));
        Assert.Null(schedules.NextAfter("contact_norms", clock.GetUtcNow()));
    }

    [Fact]
    public async Task Run_OneOrganizationFails_TheOthersRunAndEachSeesItsOwn()
    {
        var (one, two) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        control.FailsFor = one.Id;
        await RunAsync();
        var (failed, done) = (await LastRunAsync(one), await LastRunAsync(two));
        Assert.Equal(("schedule", "As the test wants it.", null), (failed.Text("cause"), failed.Text("error"), failed.Text("result")));
        Assert.Equal(($"Done for {two.Id}.", null, "2026-06-10T12:00:00.000Z"), (done.Text("result"), done.Text("error"), done.Text("ended_at")));
    }

    [Fact]
    public async Task Run_Late_SaysThatItWasMissedAndKeepsSoManyRuns()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await RunAsync();
        clock.Advance(TimeSpan.FromMinutes(10.5));
        await RunAsync();
        Assert.Equal(("schedule", "2026-06-10T12:10:00.000Z"), ((await LastRunAsync(organization)).Text("cause"), (await LastRunAsync(organization)).Text("due_at")));
        clock.Advance(TimeSpan.FromDays(2));
        await RunAsync();
        Assert.Equal(("missed", "2026-06-10T13:10:00.000Z"), ((await LastRunAsync(organization)).Text("cause"), (await LastRunAsync(organization)).Text("due_at")));
        for (var i = 0; i < 3; i++)
        {
            clock.Advance(TimeSpan.FromHours(1));
            await RunAsync();
        }

        Assert.Equal(["schedule", "schedule", "schedule"], (await JobAsync(organization)).GetProperty("last_runs").EnumerateArray().Select(r => r.Text("cause")));
    }

    [Fact]
    public async Task Run_AfterAProcessDied_ClosesWhatItLeftOpen()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await sidecar.Get<JobRunStore>().StartAsync(organization.Id, TestJob.Name, "r1", JobCause.Schedule, null, CancellationToken.None);
        Assert.True((await JobAsync(organization)).GetProperty("is_running").GetBoolean());
        clock.Advance(TimeSpan.FromSeconds(5));
        await RunAsync();
        var runs = (await JobAsync(organization)).GetProperty("last_runs").EnumerateArray().ToArray();
        Assert.Equal([null, "The process ended before the job did; it is run again."], runs.Select(r => r.Text("error")));
        Assert.False((await JobAsync(organization)).GetProperty("is_running").GetBoolean());
    }

    [Fact]
    public async Task Post_ByQuartz_RunsForTheCallerAloneAndOnceAtATime()
    {
        var (organization, other) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await organization.PostAsync("/v1/jobs/nothing/run", "{}")).Status);
        if (TestPostgres.Server is null) Assert.Equal(HttpStatusCode.Conflict, (await organization.PostAsync("/v1/jobs/test_job/run", "{}")).Status);
        await using var replica = await ReplicaAsync();
        var gate = new TaskCompletionSource();
        control.Gate = gate.Task;
        using var client = replica.GetTestClient();
        client.DefaultRequestHeaders.Authorization = organization.Client.DefaultRequestHeaders.Authorization;
        using var accepted = await client.PostAsync("/v1/jobs/test_job/run", null);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var runId = JsonElement.Parse(await accepted.Content.ReadAsStringAsync()).Text("run_id");
        var watch = Stopwatch.StartNew();
        while (control.Runs == 0)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), "It does not begin.");
            await Task.Delay(20);
        }

        using var again = await client.PostAsync("/v1/jobs/test_job/run", null);
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        gate.SetResult();
        var run = await EndedAsync(organization, 1);
        Assert.Equal((runId, "request", $"Done for {organization.Id}."), (run.Text("run_id"), run.Text("cause"), run.Text("result")));
        Assert.Equal(0, (await JobAsync(other)).GetProperty("last_runs").GetArrayLength());
        await replica.StopAsync();
    }

    [PostgresFact]
    public async Task Post_ToTwoReplicas_RunsOneAfterTheOther()
    {
        var organizations = new List<TestOrganization>();
        for (var i = 0; i < 4; i++) organizations.Add(await sidecar.NewOrganizationAsync());
        await using var first = await ReplicaAsync();
        await using var second = await ReplicaAsync();
        var gate = new TaskCompletionSource();
        control.Gate = gate.Task;
        var n = 0;
        foreach (var organization in organizations)
        {
            using var client = (n++ % 2 == 0 ? first : second).GetTestClient();
            client.DefaultRequestHeaders.Authorization = organization.Client.DefaultRequestHeaders.Authorization;
            using var accepted = await client.PostAsync("/v1/jobs/test_job/run", null);
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        }

        gate.SetResult();
        foreach (var organization in organizations) Assert.Equal($"Done for {organization.Id}.", (await EndedAsync(organization, 1)).Text("result"));
        Assert.Equal((1, 4), (control.Most, control.Runs));
        await first.StopAsync();
        await second.StopAsync();
    }

    /// <summary>In memory the history tells what was missed, in PostgreSQL Quartz itself.</summary>
    [Fact]
    public async Task Start_AfterDaysOff_RunsOnceForAllThatWasMissed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await RunAsync();
        await using (var before = await ReplicaAsync()) await before.StopAsync();
        clock.Advance(TimeSpan.FromDays(3));
        await using var replica = await ReplicaAsync();
        var run = await EndedAsync(organization, 2);
        Assert.Equal(("missed", "2026-06-10T12:10:00.000Z", 2), (run.Text("cause"), run.Text("due_at"), control.Runs));
        await replica.StopAsync();
    }
}
