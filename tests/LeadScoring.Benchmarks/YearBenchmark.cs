using System.Net.Http.Headers;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Benchmarks;

/// <summary>A year of the demo world on a simulated clock: leads, events and outcomes come in, jobs run, models are trained, judged and promoted; against the truth.</summary>
internal static class YearBenchmark
{
    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var (leads, history, weeks) = options.Quick ? (100, 800, 8) : (500, 4_000, 52);
        Report.Line($"{leads} leads a week, {history:#,0} of the half year before; outcomes within 14 days; features drift in week 20, the rule of outcomes changes in week 30, the base rate in week 40.\n");
        Tell(await PlayAsync(new YearPlan { LeadsPerWeek = leads, History = history, Weeks = weeks, Training = new { } }));
        Report.Line("\nThe same without drift, 100 leads a week.\n");
        Tell(await PlayAsync(new YearPlan { LeadsPerWeek = 100, History = options.Quick ? 800 : 2_600, Weeks = weeks, Drift = null, Training = new { } }));
    }

    private static async Task<YearStory> PlayAsync(YearPlan plan)
    {
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(data);
        var clock = new YearClock();
        var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
        var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>
        {
            ["LeadScoring:Data"] = data, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Scoring:RescoreChangedLeads"] = "false", ["LeadScoring:Training:RunHere"] = "false", ["LeadScoring:Jobs:RunHere"] = "false",
            ["LeadScoring:Webhooks:DeliverHere"] = "false", ["LeadScoring:Jobs:Schedules"] = YearPlan.JobSettings, ["urls"] = url,
        });
        builder.Services.AddSingleton<TimeProvider>(clock);
        try
        {
            await using var app = builder.Build();
            await app.PrepareAsync(CancellationToken.None);
            app.MapSlices();
            await app.StartAsync();
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync("year", CancellationToken.None);
            var key = await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync("year", "year", ApiScope.Admin, CancellationToken.None);
            using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromMinutes(5) };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Reveal());
            return await new DemoYear(app.Services, client, clock, "year", plan, Report.Progress).RunAsync();
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static void Tell(YearStory story)
    {
        Report.Table(["week", "champion", "AUC", "of the truth", "log loss", "of the truth"],
            [.. story.Champions.Select(c => (string[])[$"{c.Week:0}", $"{c.Version}", $"{c.Auc:0.000}", $"{c.BayesAuc:0.000}", $"{c.Loss:0.000}", $"{c.BayesLoss:0.000}"])]);
        Report.Line();
        Report.Table(["week", "alarm", "feature", "what", "days"], [.. story.Alarms.Select(a => (string[])[$"{a.Week:0.0}", a.Kind, a.Feature, a.Aspect, $"{a.Days}"])]);
        var worse = story.Promotions.Where(p => p.Before is not null).Select(p => p.Loss - p.LossBefore).ToArray();
        Report.Line($"\n{story.Promotions.Count} promotions, {story.Refused.Count} models kept and not promoted; expected log loss against the champion before: {worse.Count(w => w > 0)} of {worse.Length} higher, the largest by {worse.DefaultIfEmpty().Max():0.0000} (margin 0.01). {string.Join(", ", story.Seconds.Select(s => $"{s.Key} {s.Value:0} s"))}. {story.Errors.Count} errors.");
    }
}
