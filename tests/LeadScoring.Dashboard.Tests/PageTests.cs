using System.Globalization;
using System.Net;
using System.Text.Json;
using Deque.AxeCore.Playwright;
using LeadScoring.Sidecar.Api;
using Microsoft.Playwright;

namespace LeadScoring.Dashboard.Tests;

/// <summary>Every page and action in a real Chromium.</summary>
[Trait("Category", "Server")]
public sealed class PageTests(Site site) : IClassFixture<Site>
{
    private static readonly string[] Pages =
    [
        "/dashboard", "/dashboard/leads", "/dashboard/review", "/dashboard/business", "/dashboard/experiments", "/dashboard/model", "/dashboard/training", "/dashboard/drift", "/dashboard/fairness", "/dashboard/audit", "/dashboard/connectors", "/dashboard/import",
        "/dashboard/settings", "/dashboard/settings?tab=schedule", "/dashboard/settings?tab=keys", "/dashboard/settings?tab=webhooks", "/dashboard/settings?tab=profile",
    ];

    // Where somebody wants to look at them.
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("LEADSCORING_PICTURES");

    private static string Name(string path) => path.Replace("/dashboard", "", StringComparison.Ordinal).Trim('/').Replace('/', '-').Replace('?', '-').Replace('=', '-') is { Length: > 0 } name ? name : "today";

    private async Task<string> BestLeadAsync() => (await site.GetAsync("/v1/call-queue?limit=1")).GetProperty("leads")[0].GetProperty("lead_id").GetString()!;

    [BrowserFact]
    public Task Pages_WideAndLight_AreWhole() => WalkAsync(1440, dark: false, withAxe: true);

    [BrowserFact]
    public Task Pages_NarrowAndDark_AreWhole() => WalkAsync(390, dark: true, withAxe: true);

    [BrowserFact]
    public Task Pages_WideAndDark_AreWhole() => WalkAsync(1440, dark: true, withAxe: false);

    [BrowserFact]
    public Task Pages_NarrowAndLight_AreWhole() => WalkAsync(390, dark: false, withAxe: false);

    /// <summary>No error in the console, none of the policy, nothing wider than the screen, every chart drawn and with its table, no serious fault for people who cannot see or use a mouse.</summary>
    private async Task WalkAsync(int width, bool dark, bool withAxe)
    {
        await using var browser = await site.OpenAsync(width, dark);
        var page = browser.Pages[0];
        site.Faults.Clear();
        var faults = new List<string>();
        foreach (var path in Pages.Append("/dashboard/leads/" + Uri.EscapeDataString(await BestLeadAsync())))
        {
            await site.GoAsync(page, path);
            var overflow = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth");
            if (overflow > 0) faults.Add($"{path} is {overflow} px wider than the screen");
            if (await page.Locator("main h1").CountAsync() != 1) faults.Add($"{path} has no heading of its own");
            var charts = await page.Locator("figure.chart").CountAsync();
            if (await page.Locator("figure.chart canvas").CountAsync() != charts) faults.Add($"{path}: not all of {charts} charts are drawn");
            if (await page.Locator("figure.chart:has(tbody tr)").CountAsync() != charts) faults.Add($"{path}: a chart has no table behind it");
            if (withAxe) faults.AddRange((await page.RunAxe()).Violations.Where(v => v.Impact is "serious" or "critical").Select(v => $"{path}: {v.Id}, {v.Help}: {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}"));
            if (Pictures is not null)
                await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Pictures, $"{(path.Contains("leads/", StringComparison.Ordinal) ? "lead" : Name(path))}-{width}-{(dark ? "dark" : "light")}.png"), FullPage = true });
        }

        Assert.Empty(faults.Concat(site.Faults));
    }

    [BrowserFact]
    public async Task Figures_OnPages_EqualTheApis()
    {
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        var queue = await site.GetAsync("/v1/call-queue?limit=15");
        Assert.Equal(queue.GetProperty("leads").EnumerateArray().Select(l => l.GetProperty("lead_id").GetString()!), await page.Locator("#calls tbody th").AllInnerTextsAsync());

        var changes = await site.GetAsync("/v1/grade-changes");
        var open = changes.GetProperty("grades").EnumerateObject().Sum(g => g.Value.GetInt32());
        Assert.Equal(open.ToString("N0", CultureInfo.InvariantCulture), await page.Locator("section:has(> h2:text('Open leads by grade')) .figure").InnerTextAsync());

        var lead = await BestLeadAsync();
        await site.GoAsync(page, "/dashboard/leads/" + Uri.EscapeDataString(lead));
        var score = (await site.GetAsync($"/v1/leads/{Uri.EscapeDataString(lead)}/score")).GetProperty("score").GetDouble();
        Assert.Equal(score.ToString("0.0", CultureInfo.InvariantCulture), await page.InnerTextAsync("#score"));
        var points = await page.Locator("figure.chart:has-text('What makes the score') tbody td").EvaluateAllAsync<double[]>("cells => cells.map(c => Number(c.dataset.value))");
        Assert.Equal(score, points[^1]);
        Assert.Equal(score, points[..^1].Sum(), 0.1);

        await site.GoAsync(page, "/dashboard/model");
        var model = await site.GetAsync("/v1/models/1");
        var auc = model.GetProperty("manifest").GetProperty("evaluation").GetProperty("forward").GetProperty("metrics").GetProperty("roc_auc").GetDouble();
        Assert.Equal(auc.ToString("#,##0.###", CultureInfo.InvariantCulture), await page.InnerTextAsync("#metrics td[data-metric=roc_auc]"));
    }

    [BrowserFact]
    public async Task Lead_WhatIfFeedbackOverrideAction_AreTold()
    {
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        site.Faults.Clear();
        var lead = (await site.GetAsync("/v1/leads?order=-score&is_open=true&grade=C&limit=1")).GetProperty("leads")[0].GetProperty("lead_id").GetString()!;
        var path = "/v1/leads/" + Uri.EscapeDataString(lead);
        await site.GoAsync(page, "/dashboard/leads/" + Uri.EscapeDataString(lead));

        // The slider of a feature moved to its end: the score that the API gives for the same change.
        var slider = page.Locator(".sliders input[type=range]").First;
        var feature = (await slider.GetAttributeAsync("name"))![2..];
        var most = await slider.GetAttributeAsync("max");
        await slider.FocusAsync();
        await page.Keyboard.PressAsync("End");
        await page.WaitForSelectorAsync("#what-if .figure");
        var body = JsonSerializer.Serialize(new { features = new Dictionary<string, double> { [feature] = double.Parse(most!, CultureInfo.InvariantCulture) } });
        var answer = await site.SendAsync(HttpMethod.Post, path + "/what-if", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        var then = JsonElement.Parse(await answer.Content.ReadAsStringAsync()).GetProperty("what_if").GetProperty("score").GetDouble();
        Assert.Contains(then.ToString("0.0", CultureInfo.InvariantCulture), await page.InnerTextAsync("#what-if .figure"));

        await page.ClickAsync("button[name=verdict][value=good]");
        await page.WaitForSelectorAsync(".notice.good");
        await page.ClickAsync("summary:text('Override the grade')");
        await page.SelectOptionAsync("select[name=grade]", "A");
        await page.FillAsync("form:has(select[name=grade]) input[name=reason]", "Met the <b>buyer</b>");
        await page.ClickAsync("button:text-is('Override')");
        await page.WaitForSelectorAsync(".notice:has-text('Overridden to')");
        var set = (await site.GetAsync(path)).GetProperty("override");
        Assert.Equal(("A", "Met the <b>buyer</b>", "Ada"), (set.GetProperty("grade").GetString(), set.GetProperty("reason").GetString(), set.GetProperty("by").GetString()));
        await page.ClickAsync("button:text-is('Remove')");
        await page.WaitForSelectorAsync(".notice:has-text('The override is gone')");
        await page.ClickAsync("summary:text('Record what you did')");
        await page.SelectOptionAsync("select[name=result]", "answered");
        await page.ClickAsync("button:text-is('Record')");
        await page.WaitForSelectorAsync(".notice:has-text('The action is recorded')");
        Assert.Equal("answered", (await site.GetAsync(path + "/actions")).GetProperty("actions")[0].GetProperty("result").GetString());
        Assert.Empty(site.Faults);
    }

    [BrowserFact]
    public async Task Charts_SavedAsCsvAndSvg_HoldTheirNumbers()
    {
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        await site.GoAsync(page, "/dashboard/model");
        var chart = page.Locator("figure.chart:has(figcaption:text('ROC curve'))");
        var csv = await page.RunAndWaitForDownloadAsync(() => chart.Locator("[data-save=csv]").ClickAsync());
        Assert.Equal("roc-curve.csv", csv.SuggestedFilename);
        var lines = await File.ReadAllLinesAsync(await csv.PathAsync());
        Assert.Equal("False positives,Random share,Forward in time,By chance", lines[0]);
        Assert.Equal(1 + await chart.Locator("tbody tr").CountAsync(), lines.Length);
        var svg = await page.RunAndWaitForDownloadAsync(() => chart.Locator("[data-save=svg]").ClickAsync());
        var drawn = await File.ReadAllTextAsync(await svg.PathAsync());
        Assert.StartsWith("<svg", drawn);
        Assert.Contains("Forward in time", drawn);
    }

    [BrowserFact]
    public async Task Review_ByKeyboard_IsStored()
    {
        await site.SendAsync(HttpMethod.Post, "/v1/jobs/reviews/run");
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        for (var waits = 0; (await site.GetAsync("/v1/reviews?limit=1")).GetProperty("reviews").GetArrayLength() == 0; waits++)
        {
            Assert.True(waits < 100, "No score was put on the review list.");
            await Task.Delay(200);
        }

        await site.GoAsync(page, "/dashboard/review");
        var review = await page.InputValueAsync("input[name=reviewId]");
        await page.Keyboard.PressAsync("2");
        await page.WaitForSelectorAsync(".notice.good");
        var done = (await site.GetAsync("/v1/reviews?status=done")).GetProperty("reviews").EnumerateArray().Single(r => r.GetProperty("review_id").GetString() == review);
        Assert.Equal(("too_high", "Ada"), (done.GetProperty("verdict").GetString(), done.GetProperty("by").GetString()));
    }

    [BrowserFact]
    public async Task Models_ImportedTwin_IsComparedPromotedAndRolledBack()
    {
        var bundle = await (await site.SendAsync(HttpMethod.Get, "/v1/models/1/bundle")).Content.ReadAsByteArrayAsync();
        using var content = new ByteArrayContent(bundle);
        content.Headers.ContentType = new("application/zip");
        Assert.Equal(HttpStatusCode.Created, (await site.SendAsync(HttpMethod.Post, "/v1/models/import", content)).StatusCode);
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        page.Dialog += (_, dialog) => _ = dialog.AcceptAsync();
        site.Faults.Clear();
        await site.GoAsync(page, "/dashboard/model");
        await page.ClickAsync("a:text('Compare')");
        await page.WaitForSelectorAsync("h2:text('Model 2 against model 1')");
        await page.ClickAsync("button:text-is('Promote')");
        await page.WaitForSelectorAsync(".notice:has-text('Model 2 is the champion')");
        Assert.Equal(2, (await site.GetAsync("/v1/models")).GetProperty("champion").GetInt32());
        await page.ClickAsync("button:has-text('Roll back')");
        await page.WaitForSelectorAsync(".notice:has-text('is the champion again')");
        Assert.Equal(1, (await site.GetAsync("/v1/models")).GetProperty("champion").GetInt32());

        await site.GoAsync(page, "/dashboard/experiments");
        await page.ClickAsync("button:text('Can it finish?')");
        await page.WaitForSelectorAsync("#forecast .notice");
        await page.FillAsync("input[name=name]", "Twin");
        await page.ClickAsync("button:text-is('Start')");
        await page.WaitForSelectorAsync(".notice:has-text('The experiment runs')");
        await page.ClickAsync("button:text-is('Stop')");
        await page.WaitForSelectorAsync(".notice:has-text('is stopped')");
        Assert.Equal("stopped", (await site.GetAsync("/v1/experiments")).GetProperty("experiments")[0].GetProperty("state").GetString());

        await site.GoAsync(page, "/dashboard/training");
        await page.ClickAsync("button:text('Train now')");
        await page.WaitForSelectorAsync("#runs .tag.queued");
        await page.ClickAsync("#runs button:text('Stop')");
        await page.WaitForSelectorAsync("#runs .tag.cancelled");
        Assert.Empty(site.Faults);
    }

    [BrowserFact]
    public async Task SettingsAndImport_Actions_AreDone()
    {
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        page.Dialog += (_, dialog) => _ = dialog.AcceptAsync();
        site.Faults.Clear();
        await site.GoAsync(page, "/dashboard/settings");
        await page.FillAsync("input[name=a]", "80");
        await page.ClickAsync("button:text('Preview')");
        await page.WaitForSelectorAsync("#preview table");
        await page.ClickAsync("button:text-is('Set')");
        await page.WaitForSelectorAsync(".notice.good");
        Assert.Equal(80, (await site.GetAsync("/v1/grades")).GetProperty("bounds_in_force").GetProperty("a").GetDouble());

        await site.GoAsync(page, "/dashboard/settings?tab=keys");
        await page.FillAsync("input[name=name]", "n8n");
        await page.ClickAsync("button:text('Make a key')");
        Assert.StartsWith("lsk_", await page.InnerTextAsync("#secret"));
        await page.ClickAsync("#keys tr:has-text('n8n') button");
        await page.WaitForSelectorAsync("#keys tr:has-text('n8n') .tag.bad");

        await site.GoAsync(page, "/dashboard/settings?tab=profile");
        await page.FillAsync("textarea[name=yaml]", "name: [");
        await page.ClickAsync("button:text('Check and make active')");
        await page.WaitForSelectorAsync(".notice.bad");
        Assert.Equal("name: [", await page.InputValueAsync("textarea[name=yaml]"));

        await site.GoAsync(page, "/dashboard/import");
        var csv = new FilePayload { Name = "leads.csv", MimeType = "text/csv", Buffer = "lead_id,name,age\nimp-1,\"Ann, <i>B</i>\",41\nimp-2,Bo,\n"u8.ToArray() };
        await page.SetInputFilesAsync("input[type=file]", csv);
        await page.ClickAsync("button[value=look]");
        await page.WaitForSelectorAsync("#report:has-text('nothing stored')");
        Assert.Equal(HttpStatusCode.NotFound, (await site.SendAsync(HttpMethod.Get, "/v1/leads/imp-1")).StatusCode);
        await page.SetInputFilesAsync("input[type=file]", csv);
        await page.ClickAsync("button[value=import]");
        await page.WaitForSelectorAsync("#report:has-text('Imported')");
        await site.GoAsync(page, "/dashboard/leads?q=imp-1&order=lead_id");
        Assert.Equal("Ann, <i>B</i>", await page.InnerTextAsync("#leads tbody th"));
        Assert.Empty(site.Faults);
    }

    [BrowserFact]
    public async Task Leads_ByKeyboard_AreSearchedAndOpened()
    {
        await using var browser = await site.OpenAsync(1440, key: await site.NewKeyAsync(ApiScope.Score));
        var page = browser.Pages[0];
        await site.GoAsync(page, "/dashboard/leads");
        await page.Keyboard.PressAsync("j");
        await page.Keyboard.PressAsync("j");
        var second = await page.Locator("#leads tbody th").Nth(1).InnerTextAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForURLAsync("**/dashboard/leads/*");
        Assert.Equal(second, await page.InnerTextAsync("main h1"));
        // A key that may only look is shown no form that it could not use.
        Assert.Equal(0, await page.Locator("button[name=verdict]").CountAsync());
    }
}
