using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Jobs;

/// <summary>An organization's own schedule of a job: it runs by that and not by the install's, and others are left alone.</summary>
[Trait("Category", "Slow")]
public sealed class OwnScheduleTests : IAsyncLifetime
{
    private readonly SoonFullMinute clock = new();
    private readonly TestJob.Control control = new();
    private readonly SidecarFactory sidecar;

    public OwnScheduleTests() => sidecar = new SidecarFactory { Configure = services => services.AddSingleton<TimeProvider>(clock).AddSingleton(control).AddJob<TestJob>(TestJob.Name, "0 10 3 * * ?", "For tests.") };

    public Task InitializeAsync()
    {
        sidecar.Settings["LeadScoring:Jobs:RunHere"] = "true";
        return sidecar.InitializeAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    /// <summary>Time goes on, from three seconds before a full minute: what looks every minute looks soon.</summary>
    private sealed class SoonFullMinute : TimeProvider
    {
        private readonly TimeSpan offset = new DateTimeOffset(2026, 6, 10, 12, 6, 57, TimeSpan.Zero) - System.GetUtcNow();

        internal TimeSpan More { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + offset + More;
    }

    private static async Task<JsonElement> JobAsync(TestOrganization organization) => (await organization.GetAsync("/v1/jobs")).Body.GetProperty("jobs").EnumerateArray().Single(j => j.Text("name") == TestJob.Name);

    private static Task<(HttpStatusCode Status, JsonElement Body)> PutAsync(TestOrganization organization, object body) => organization.SendAsync(HttpMethod.Put, $"/v1/jobs/{TestJob.Name}/schedule", body);

    /// <summary>Waits for a full minute of the real clock.</summary>
    [Fact]
    [Trait("Category", "Server")]
    public async Task Put_NextMinute_RunsByItForThatOrganizationAlone()
    {
        var (own, other) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        var put = default(JsonElement);
        // A minute that began between the two lines would be an hour away.
        for (var tries = 0; tries == 0 || (tries < 3 && put.GetProperty("next_run_at").GetDateTimeOffset() > clock.GetUtcNow().AddMinutes(2)); tries++)
        {
            (var status, put) = await PutAsync(own, new { schedule = string.Create(CultureInfo.InvariantCulture, $"0 {clock.GetUtcNow().AddMinutes(1).Minute} * * * ?"), time_zone = "Europe/Berlin" });
            Assert.True(status == HttpStatusCode.OK, put.ToString());
        }

        var job = await JobAsync(own);
        Assert.Equal(("Europe/Berlin", true, put.Text("next_run_at")), (job.Text("time_zone"), job.GetProperty("is_own").GetBoolean(), job.Text("next_run_at")));
        Assert.Equal(("UTC", false, "0 10 3 * * ?"), ((await JobAsync(other)).Text("time_zone"), (await JobAsync(other)).GetProperty("is_own").GetBoolean(), (await JobAsync(other)).Text("schedule")));
        for (var watch = Stopwatch.StartNew(); (job = await JobAsync(own)).GetProperty("last_runs").GetArrayLength() == 0 || job.GetProperty("is_running").GetBoolean();)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(150), $"It does not run: {job}");
            await Task.Delay(100);
        }

        var run = job.At("last_runs", 0);
        Assert.Equal(("schedule", $"Done for {own.Id}.", put.Text("next_run_at")), (run.Text("cause"), run.Text("result"), run.Text("due_at")));
        Assert.Equal(0, (await JobAsync(other)).GetProperty("last_runs").GetArrayLength());
        Assert.True(job.GetProperty("next_run_at").GetDateTimeOffset() > run.GetProperty("due_at").GetDateTimeOffset());

        // The install's schedule leaves it alone, until it goes back to that.
        await RunInstallsAsync();
        Assert.Single((await JobAsync(own)).GetProperty("last_runs").EnumerateArray());
        Assert.Single((await JobAsync(other)).GetProperty("last_runs").EnumerateArray());
        Assert.Equal(HttpStatusCode.NoContent, (await own.SendAsync(HttpMethod.Delete, $"/v1/jobs/{TestJob.Name}/schedule")).Status);
        await RunInstallsAsync();
        Assert.Equal(2, (await JobAsync(own)).GetProperty("last_runs").GetArrayLength());
    }

    private Task RunInstallsAsync() => sidecar.Get<RunJob>().RunAsync(sidecar.Get<JobSchedules>().Jobs.Single(j => j.Name == TestJob.Name), isRecovery: false, CancellationToken.None);

    [Fact]
    public async Task Put_NotEnabled_NeverRuns()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(organization, new { enabled = false })).Status);
        var job = await JobAsync(organization);
        Assert.False(job.TryGetProperty("schedule", out _) || job.TryGetProperty("next_run_at", out _));
        await RunInstallsAsync();
        Assert.Equal(0, (await JobAsync(organization)).GetProperty("last_runs").GetArrayLength());
    }

    /// <summary>What was missed while the process was down is made up for once.</summary>
    [Fact]
    public async Task FireOwn_LongAfterItWasDue_BeginsItOnceAndGoesOn()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await PutAsync(organization, new { schedule = "0 0 4 * * ?" });
        clock.More = TimeSpan.FromDays(3);
        List<string> begun = [];
        Task BeginAsync(string job, Quartz.JobDataMap data, CancellationToken token)
        {
            begun.Add($"{job} {data[RunJob.Organization]}");
            return Task.CompletedTask;
        }

        Assert.Equal(1, await sidecar.Get<RunJob>().FireOwnAsync(BeginAsync, CancellationToken.None));
        Assert.Equal(0, await sidecar.Get<RunJob>().FireOwnAsync(BeginAsync, CancellationToken.None));
        Assert.Equal([$"{TestJob.Name} {organization.Id}"], begun);
        Assert.Equal("2026-06-14T04:00:00.000Z", (await JobAsync(organization)).Text("next_run_at"));
    }

    [Theory]
    [InlineData("every day", "UTC", "/schedule", "no cron expression")]
    [InlineData("0 61 * * * ?", "UTC", "/schedule", "no cron expression")]
    [InlineData("*/10 * * * * ?", "UTC", "/schedule", "at least 5 minutes")]
    [InlineData("0 0,2 * * * ?", "UTC", "/schedule", "at least 5 minutes")]
    [InlineData("0 0 3 1 1 ? 2020", "UTC", "/schedule", "never run")]
    [InlineData(null, "UTC", "/schedule", "Give a schedule")]
    [InlineData("0 0 3 * * ?", "Mars/Olympus", "/time_zone", "no zone 'Mars/Olympus'")]
    public async Task Put_WhatCannotBe_SaysWhatToWrite(string? schedule, string zone, string pointer, string complaint)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await PutAsync(organization, new { schedule, time_zone = zone });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
        Assert.Contains(complaint, problem.At("errors", 0).Text("detail"));
        Assert.False((await JobAsync(organization)).GetProperty("is_own").GetBoolean());
    }

    [Fact]
    public async Task Put_UnknownJobOrLesserKey_IsRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Put, "/v1/jobs/nope/schedule", new { enabled = false })).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, "/v1/jobs/nope/schedule")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await PutAsync(await organization.WithScopeAsync(ApiScope.Write), new { enabled = false })).Status);
    }
}
