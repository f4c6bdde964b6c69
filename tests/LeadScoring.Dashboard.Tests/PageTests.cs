using System.Globalization;
using System.Net;
using System.Text.Json;
using Deque.AxeCore.Commons;
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
        "/dashboard/settings", "/dashboard/settings?tab=weights", "/dashboard/settings?tab=gates", "/dashboard/settings?tab=schedule", "/dashboard/settings?tab=keys", "/dashboard/settings?tab=webhooks", "/dashboard/settings?tab=profile",
    ];

    // Where somebody wants to look at them.
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("LEADSCORING_PICTURES");

    private static string Name(string path) => path.Replace("/dashboard", "", StringComparison.Ordinal).Trim('/').Replace('/', '-').Replace('?', '-').Replace('=', '-') is { Length: > 0 } name ? name : "today";

    private async Task<string> BestLeadAsync() => (await site.GetAsync("/v1/call-queue?limit=1")).GetProperty("leads")[0].GetProperty("lead_id").GetString()!;

    private const string Saved = """
        async () => {
          const made = [];
          URL.createObjectURL = blob => { made.push(blob); return 'about:blank#saved'; };
          HTMLAnchorElement.prototype.click = function () { made.push(this.download); };
          const faults = [];
          for (const figure of document.querySelectorAll('figure.chart')) {
            const title = figure.querySelector('figcaption').firstChild.textContent.trim();
            for (const type of ['csv', 'svg']) {
              made.length = 0;
              figure.querySelector(`[data-save=${type}]`).click();
              if (made.length !== 2) { faults.push(`${title}: ${made.length} of a file and its name`); continue; }
              const text = await made[0].text();
              if (!made[1].endsWith('.' + type)) faults.push(`${title} is saved as ${made[1]}`);
              if (type === 'svg' && !(text.startsWith('<svg') && text.includes('<path'))) faults.push(`${title}: nothing is drawn`);
              const lines = text.trim().split('\r\n');
              if (type === 'csv' && lines.length !== figure.querySelectorAll('tbody tr').length + 1) faults.push(`${title}: ${lines.length} lines`);
              for (const cell of type === 'csv' ? figure.querySelectorAll('tbody td, tbody th') : []) if (!text.includes(cell.dataset.value ?? cell.textContent)) faults.push(`${title}: ${cell.dataset.value ?? cell.textContent} is missing`);
              if (type === 'csv' && lines.slice(1).some(line => line.startsWith(','))) faults.push(`${title}: a row has no name`);
            }
          }
          return [String(document.querySelectorAll('figure.chart').length), ...faults];
        }
        """;

    [BrowserFact]
    public Task Pages_Wide_AreWhole() => WalkAsync(1440, ColorScheme.Light);

    [BrowserFact]
    public Task Pages_Narrow_AreWhole() => WalkAsync(390, ColorScheme.Dark);

    /// <summary>
    /// In light and in dark: no error in the console, none of the policy, nothing wider than the screen, every chart drawn, with its table, and saved as CSV with the table's numbers and as SVG, no serious fault for people who cannot see or use a mouse.
    /// </summary>
    private async Task WalkAsync(int width, ColorScheme first)
    {
        await using var browser = await site.OpenAsync(width, first == ColorScheme.Dark);
        var page = browser.Pages[0];
        site.Faults.Clear();
        var (faults, charts) = (new List<string>(), 0);
        foreach (var path in Pages.Append("/dashboard/leads/" + Uri.EscapeDataString(await BestLeadAsync())))
        {
            await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = first });
            await site.GoAsync(page, path);
            await LookAsync(page, path, width, first, faults);
            faults.AddRange((await page.RunAxe()).Violations.Where(v => v.Impact is "serious" or "critical").Select(v => $"{path}: {Words(v)}"));
            await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = first == ColorScheme.Dark ? ColorScheme.Light : ColorScheme.Dark });
            await LookAsync(page, path, width, first == ColorScheme.Dark ? ColorScheme.Light : ColorScheme.Dark, faults);
            // Of axe's rules only that of contrast knows colours.
            var contrast = await page.RunAxe(new AxeRunOptions { RunOnly = new RunOnlyOptions { Type = "rule", Values = ["color-contrast"] } });
            faults.AddRange(contrast.Violations.Select(v => $"{path}, the other colours: {Words(v)}"));
            var saved = await page.EvaluateAsync<string[]>(Saved);
            charts += int.Parse(saved[0], CultureInfo.InvariantCulture);
            faults.AddRange(saved.Skip(1).Select(f => $"{path}: {f}"));
        }

        Assert.Empty(faults.Concat(site.Faults));
        Assert.True(charts >= 10, $"Only {charts} charts.");
    }

    private static string Words(AxeResultItem violation) => $"{violation.Id}, {violation.Help}: {string.Join(" | ", violation.Nodes.Take(3).Select(n => n.Html))}";

    private static async Task LookAsync(IPage page, string path, int width, ColorScheme colours, List<string> faults)
    {
        var overflow = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth");
        if (overflow > 0) faults.Add($"{path} is {overflow} px wider than the screen");
        if (await page.Locator("main h1").CountAsync() != 1) faults.Add($"{path} has no heading of its own");
        var charts = await page.Locator("figure.chart").CountAsync();
        if (await page.Locator("figure.chart canvas").CountAsync() != charts) faults.Add($"{path}: not all of {charts} charts are drawn");
        if (await page.Locator("figure.chart:has(tbody tr)").CountAsync() != charts) faults.Add($"{path}: a chart has no table behind it");
        if (Pictures is null) return;
        var name = path.Contains("leads/", StringComparison.Ordinal) ? "lead" : Name(path);
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Pictures, $"{name}-{width}-{(colours == ColorScheme.Dark ? "dark" : "light")}.png"), FullPage = true });
    }

    [BrowserFact]
    public async Task Figures_OnPages_EqualTheApis()
    {
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        var queue = await site.GetAsync("/v1/call-queue?limit=15");
        Assert.Equal(queue.GetProperty("leads").EnumerateArray().Select(l => l.GetProperty("lead_id").GetString()!), await page.Locator("#calls tbody tr").EvaluateAllAsync<string[]>("rows => rows.map(row => row.dataset.lead)"));
        var best = (await site.GetAsync($"/v1/leads/{queue.GetProperty("leads")[0].GetProperty("lead_id").GetString()}")).GetProperty("attributes");
        Assert.Equal($"{best.GetProperty("first_name").GetString()} {best.GetProperty("last_name").GetString()}", await page.Locator("#calls tbody th").First.InnerTextAsync());

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
        var important = model.GetProperty("card").GetProperty("importance").EnumerateArray().Take(15).Select(f => f.GetProperty("points").GetDouble()).ToArray();
        Assert.True(important[0] > important[^1] && important[^1] >= 0);
        Assert.Equal(important, await page.Locator("figure.chart:has-text('What moves the scores') tbody td").EvaluateAllAsync<double[]>("cells => cells.map(c => Number(c.dataset.value))"));
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
        Assert.Empty((await page.RunAxe()).Violations.Where(v => v.Impact is "serious" or "critical").Select(Words));
        if (Pictures is not null) await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Pictures, "review-waiting-1440-light.png"), FullPage = true });
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
        await page.ClickAsync("#runs button:text('Stop')");
        await page.WaitForSelectorAsync("#runs .tag.cancelled");
        Assert.Empty(site.Faults);
    }

    /// <summary>What the page says of a training moves while the process runs, by nobody's hand; when the process is killed, the page says so and why.</summary>
    [BrowserFact]
    public async Task Training_RunsAndIsKilled_MovesInThePageAndFailsWithTheReason()
    {
        await using var browser = await site.OpenAsync(1440);
        var page = browser.Pages[0];
        site.Faults.Clear();
        await site.GoAsync(page, "/dashboard/training");
        await page.SelectOptionAsync("select[name=promote]", "never");
        await page.ClickAsync("button:text('Train now')");
        var row = page.Locator("#runs tbody tr").First;
        HashSet<string> seen = [];
        for (var looks = 0; seen.Count < 3; looks++)
        {
            Assert.True(looks < 600, $"The page told only of {string.Join("; ", seen)}.");
            if (await row.Locator("progress").CountAsync() > 0) seen.Add($"{await row.Locator(".tag").First.InnerTextAsync()} {await row.Locator("progress").GetAttributeAsync("value")}");
            await Task.Delay(100);
        }

        Assert.Contains(seen, s => s.StartsWith("running", StringComparison.Ordinal));
        using (var training = System.Diagnostics.Process.GetProcessById(Assert.Single(site.TrainingProcesses()))) training.Kill();
        await page.WaitForSelectorAsync("#runs tbody tr:first-child .tag.failed");
        Assert.Contains("The training process was killed", await row.InnerTextAsync());
        var run = (await site.GetAsync("/v1/training-runs?limit=1")).GetProperty("runs")[0];
        Assert.Equal("failed", run.GetProperty("status").GetString());
        Assert.Contains(run.GetProperty("reason").GetString()!, await row.InnerTextAsync());
        Assert.Empty(site.Faults);
    }

    [BrowserFact]
    public async Task Import_ManyRows_TellsHowFarItIsAndWhichRowsAreBad()
    {
        await using var browser = await site.OpenAsync(1440, key: await site.NewOrganizationAsync("importers"));
        var page = browser.Pages[0];
        site.Faults.Clear();
        await site.GoAsync(page, "/dashboard/import");
        var rows = string.Join('\n', Enumerable.Range(0, 120_000).Select(i => i == 7 ? ",30,x" : $"many-{i},{i % 70},page {i}"));
        await page.SetInputFilesAsync("input[type=file]", new FilePayload { Name = "many.csv", MimeType = "text/csv", Buffer = System.Text.Encoding.UTF8.GetBytes("Kundennr,Alter,Notiz\n" + rows) });
        await page.FillAsync("input[name=idColumn]", "Kundennr");
        await page.ClickAsync("button[value=look]");
        await page.WaitForSelectorAsync("#report:has-text('nothing stored')");
        await page.FillAsync("input[name=idColumn]", "");
        // Each column by the name that it is to have; the last one is not to be read.
        foreach (var (column, name) in ((string, string)[])[("Kundennr", "lead_id"), ("Alter", "age"), ("Notiz", "")]) await page.FillAsync($"input[aria-label='Read {column} as']", name);
        await page.ClickAsync("button[value=import]");
        HashSet<string> seen = [];
        while (await page.Locator("#report:has-text('Imported')").CountAsync() == 0)
        {
            var bar = page.Locator("#imports progress");
            try
            {
                if (await bar.CountAsync() > 0 && await bar.First.GetAttributeAsync("value", new LocatorGetAttributeOptions { Timeout = 500 }) is { } value) seen.Add(value);
            }
            catch (TimeoutException)
            {
                // It ended between the two looks.
            }

            await Task.Delay(50);
        }

        Assert.True(seen.Count >= 2, $"The page told of {seen.Count} states while it imported.");
        Assert.Contains("lead_id", await page.InnerTextAsync("#faults"));
        await page.WaitForSelectorAsync("#imports .tag.good");
        Assert.Contains("119,999", await page.InnerTextAsync("#imports tbody tr"));
        Assert.Empty(site.Faults);
    }

    /// <summary>With 10,000 open leads the server needs less than 200 ms for each page and each part that comes later; the best of three, as other tests run beside.</summary>
    [BrowserFact]
    public async Task Pages_TenThousandLeads_AreAnsweredWithin200Ms()
    {
        await using var browser = await site.OpenAsync(1440);
        Assert.True((await site.GetAsync("/v1/grade-changes")).GetProperty("grades").EnumerateObject().Sum(g => g.Value.GetInt32()) >= 10_000 - 100);
        var slow = new List<string>();
        foreach (var path in Pages.Concat(["/dashboard/leads/" + Uri.EscapeDataString(await BestLeadAsync()), "/dashboard/business?handler=Figures", "/dashboard/fairness?handler=Figures", "/dashboard/model?handler=Figures", "/dashboard/leads?q=maria"]))
        {
            var best = await browser.Pages[0].EvaluateAsync<double>("async path => { let best = 1e9; for (let i = 0; i < 4; i++) { const at = performance.now(); await (await fetch(path)).text(); best = Math.min(best, performance.now() - at); } return best; }", path);
            if (best >= 200) slow.Add(string.Create(CultureInfo.InvariantCulture, $"{path}: {best:0} ms"));
        }

        Assert.Empty(slow);
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
        await page.ClickAsync("#keys tr:has-text('n8n') button:text-is('Revoke')");
        await page.WaitForSelectorAsync("#keys tr:has-text('n8n') .tag.bad");

        await site.GoAsync(page, "/dashboard/settings?tab=schedule");
        var retrain = page.Locator("tr:has(th:text('Retrain')):has-text('all outcomes')");
        await retrain.Locator("summary").ClickAsync();
        await retrain.Locator("input[name=schedule]").FillAsync("0 30 4 ? * MON");
        await retrain.Locator("input[name=timeZone]").FillAsync("Europe/Berlin");
        await retrain.Locator("button:text-is('Set')").ClickAsync();
        await page.WaitForSelectorAsync(".notice:has-text('runs by this schedule')");
        Assert.Contains("0 30 4 ? * MON Europe/Berlin", await retrain.InnerTextAsync());

        await site.GoAsync(page, "/dashboard/settings?tab=webhooks");
        await page.FillAsync("input[name=url]", "https://example.com/hook");
        await page.ClickAsync("button:text-is('Add')");
        Assert.StartsWith("whsec_", await page.InnerTextAsync("#secret"));
        await page.ClickAsync("button:text-is('New secret')");
        Assert.StartsWith("whsec_", await page.InnerTextAsync("#secret"));
        await page.ClickAsync("button:text-is('Remove')");
        await page.WaitForSelectorAsync(".notice:has-text('The webhook is gone')");

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
    public async Task Connectors_SyncNowAndDeadLettersAgain_AreDone()
    {
        var (good, bad) = (site.HubSpot.Add("contacts", ("firstname", "Ida")), site.HubSpot.Add("contacts"));
        site.HubSpot.Refuse(bad);
        var key = await site.NewOrganizationAsync(Site.Connected);
        await using var browser = await site.OpenAsync(1440, key: key);
        var page = browser.Pages[0];
        site.Faults.Clear();
        await site.GoAsync(page, "/dashboard/connectors");
        Assert.Equal("not yet", await page.InnerTextAsync("section.card .tag"));
        await page.ClickAsync("button:has-text('Sync now')");
        Assert.Contains("the sync begins", await page.InnerTextAsync(".notice.good"));
        await UntilAsync(page, "section.card .tag:text-is('connected')");
        foreach (var id in (string[])[good, bad])
        {
            using var scored = await site.SendAsync(HttpMethod.Get, $"/v1/leads/hubspot-{id}/score", key: key);
            Assert.Equal(HttpStatusCode.OK, scored.StatusCode);
        }

        await UntilAsync(page, "h3:has-text('1 could not be written')");
        Assert.Equal($"hubspot-{bad}", await page.InnerTextAsync("section.card td a"));
        Assert.Empty((await page.RunAxe()).Violations.Where(v => v.Impact is "serious" or "critical").Select(Words));
        if (Pictures is not null) await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Pictures, "connectors-connected-1440-light.png"), FullPage = true });
        site.HubSpot.Refuse(bad, false);
        await page.ClickAsync("button:has-text('Try all again')");
        Assert.Contains("1 tried again", await page.InnerTextAsync(".notice.good"));
        for (var waits = 0; site.HubSpot.Writes.All(w => w.Id != bad); waits++)
        {
            Assert.True(waits < 100, "The record is not written.");
            await Task.Delay(200);
        }

        await site.GoAsync(page, "/dashboard/connectors");
        Assert.Equal(0, await page.Locator("h3:has-text('could not be written')").CountAsync());
        Assert.Empty(site.Faults);

        async Task UntilAsync(IPage shown, string selector)
        {
            for (var waits = 0; await shown.Locator(selector).CountAsync() == 0; waits++)
            {
                Assert.True(waits < 100, $"The page never shows {selector}: {await shown.InnerTextAsync("main")}");
                await Task.Delay(200);
                await site.GoAsync(shown, "/dashboard/connectors");
            }
        }
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
