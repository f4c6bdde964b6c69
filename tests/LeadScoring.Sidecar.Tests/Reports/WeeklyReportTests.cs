using System.Net;
using System.Text.Json;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Reports;

/// <summary>The week in sentences.</summary>
public sealed class WeeklyReportTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Fact]
    public async Task Get_NothingYet_SaysWhatIsMissing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var report = await ReadAsync(organization);
        Assert.Contains("Open leads with a score: 0 (0 A, 0 B, 0 C, 0 D).", Text(report, "changed", "leads"), StringComparison.Ordinal);
        Assert.Equal("No model is in force yet: the profile's rules score.", Text(report, "changed", "model"));
        Assert.StartsWith("No outcome came in this week.", Text(report, "to_do", "outcomes"), StringComparison.Ordinal);
        Assert.Equal(7, (report.GetProperty("to").GetDateTimeOffset() - report.GetProperty("from").GetDateTimeOffset()).TotalDays);
    }

    [Fact]
    public async Task Get_AfterAWeek_TellsLeadsOutcomesAndWhatFailed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        for (var i = 0; i < 3; i++)
        {
            await organization.PutLeadAsync($"l{i}", new { age = 30 + i });
            await organization.ScoreAsync(new { lead_id = $"l{i}" });
        }

        var at = TimeProvider.System.GetUtcNow().AddHours(-1);
        await organization.PostAsync("/v1/outcomes", new { outcomes = new object[] { new { lead_id = "l0", source = "crm", converted = true, occurred_at = at, revenue = 1234.0 }, new { lead_id = "l1", source = "crm", converted = false, final = true, occurred_at = at } } });
        var runs = sidecar.Get<TrainingRunStore>();
        var run = await runs.CreateAsync(organization.Id, new TrainingSettings(), new EvaluationSettings(), PromotionMode.Auto, null, isRunning: true, CancellationToken.None);
        await runs.FailAsync(run, "Too few outcomes for <b>a model</b>.", CancellationToken.None);

        var report = await ReadAsync(organization);
        var grades = (await organization.GetAsync("/v1/grade-changes?limit=1")).Body.GetProperty("grades").EnumerateObject().Select(g => g.Value.GetInt32()).ToArray();
        Assert.StartsWith($"Open leads with a score: {grades.Sum()} ({grades[0]} A, {grades[1]} B, {grades[2]} C, {grades[3]} D). New 3", Text(report, "changed", "leads"), StringComparison.Ordinal);
        Assert.Equal("1 lead converted and 1 did not, revenue 1,234.", Text(report, "changed", "outcomes"));
        Assert.Equal("A training failed: Too few outcomes for <b>a model</b>.", Text(report, "to_do", "model"));
        Assert.Contains("What to do\n• A training failed: Too few", report.GetProperty("text").GetString(), StringComparison.Ordinal);

        using var page = await organization.Client.GetAsync("/v1/reports/weekly?format=html");
        var html = await page.Content.ReadAsStringAsync();
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("Too few outcomes for &lt;b&gt;a model&lt;/b&gt;.", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_UnknownFormat_Is400WithTheTwoThereAre()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.GetAsync("/v1/reports/weekly?format=pdf");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("json or html", body.ToString(), StringComparison.Ordinal);
    }

    private static async Task<JsonElement> ReadAsync(TestOrganization organization)
    {
        var (status, body) = await organization.GetAsync("/v1/reports/weekly");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    private static string Text(JsonElement report, string list, string area) => report.GetProperty(list).EnumerateArray().First(l => l.GetProperty("area").GetString() == area).GetProperty("text").GetString()!;
}
