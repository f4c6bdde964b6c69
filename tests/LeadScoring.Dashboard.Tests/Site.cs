using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace LeadScoring.Dashboard.Tests;

/// <summary>The demo organization with 10,000 open leads and its own model, served on a free port, and a Chromium to look at it.</summary>
public sealed class Site : IAsyncLifetime
{
    private static readonly string[] Flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));
    private WebApplication? app;
    private IPlaywright? playwright;
    private HttpClient? api;
    private HubSpotSimulator? hubspot;

    /// <summary>The organization that HubSpot is connected to.</summary>
    internal const string Connected = "connected";

    internal HubSpotSimulator HubSpot => hubspot!;

    internal string Url { get; private set; } = "";

    internal string Key { get; private set; } = "";

    /// <summary>Faults that Chromium told of: console errors, exceptions of scripts, violations of the policy.</summary>
    internal List<string> Faults { get; } = [];

    public async Task InitializeAsync()
    {
        if (new BrowserFactAttribute().Skip is not null) return;
        Directory.CreateDirectory(data);
        using var said = new StringWriter();
        var code = await CommandLine.RunAsync(["demo", "--data", data, "--leads", "2500", "--active", "13500"], Terminal.Plain(said, said), CancellationToken.None);
        Assert.True(code == 0, said.ToString());
        Key = (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim();
        hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>
        {
            ["LeadScoring:Data"] = data, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Webhooks:DeliverHere"] = "false",
            ["LeadScoring:Connectors:HUBSPOT:Organization"] = Connected, ["LeadScoring:Connectors:HUBSPOT:BaseUrl"] = HubSpot.Url.AbsoluteUri, ["LeadScoring:Connectors:HUBSPOT:Token"] = HubSpotSimulator.Token,
            ["LeadScoring:Scoring:RescoreChangedLeads"] = "false",
            // An import that takes a few seconds tells how far it is a few times.
            ["LeadScoring:Imports:BatchRows"] = "500",
        });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        await app.PrepareAsync(CancellationToken.None);
        app.MapSlices();
        await app.StartAsync();
        await LiveAsync(app.Services);
        Url = app.Urls.First();
        api = new HttpClient { BaseAddress = new Uri(Url) };
        api.DefaultRequestHeaders.Add("X-API-Key", Key);
        playwright = await Playwright.CreateAsync();
    }

    /// <summary>As if the sidecar had run for months: leads that were scored a hundred days ago and have an outcome since, by what the scores said, and leads first scored in the weeks that drift is looked for in. 10,000 stay open.</summary>
    private static async Task LiveAsync(IServiceProvider services)
    {
        const string Decided = "(select lead_id from leads where organization_id = 'demo' and score is not null and closed_at_ms is null order by lead_id limit 3500)";
        const string Recent = "(select lead_id from leads where organization_id = 'demo' and score is not null and closed_at_ms is null order by lead_id desc limit 2000)";
        string[] steps =
        [
            $"update scores set scored_at_ms = scored_at_ms - (100 + n % 60) * 86400000 from (select lead_id as id, row_number() over (order by lead_id) as n from leads where organization_id = 'demo') as l where l.id = scores.lead_id and organization_id = 'demo' and lead_id in {Decided}",
            $"""
            insert into outcomes (organization_id, lead_id, source, converted, occurred_at_ms, as_of_ms, revenue, stage, recorded_at_ms)
            select l.organization_id, l.lead_id, 'demo', case when ((row_number() over (order by l.lead_id)) * 7919 % 1000) / 1000.0 < l.probability then 1 else 0 end, s.scored_at_ms + 20 * 86400000, null,
                   4000 + (row_number() over (order by l.lead_id)) % 90 * 100, null, s.scored_at_ms + 20 * 86400000
            from leads l join scores s on s.organization_id = l.organization_id and s.lead_id = l.lead_id and s.change = 1 where l.organization_id = 'demo' and l.lead_id in {Decided}
            """,
            "update leads set closed_at_ms = scored_at_ms where organization_id = 'demo' and closed_at_ms is null and lead_id in (select lead_id from outcomes where organization_id = 'demo')",
            $"update scores set scored_at_ms = scored_at_ms - (7 + n % 14) * 86400000 from (select lead_id as id, row_number() over (order by lead_id) as n from leads where organization_id = 'demo') as l where l.id = scores.lead_id and organization_id = 'demo' and lead_id in {Recent}",
        ];
        await services.GetRequiredService<Database>().WriteAsync(async transaction =>
        {
            foreach (var step in steps) await transaction.ExecuteAsync(step, null, CancellationToken.None);
        }, CancellationToken.None);
        await services.GetRequiredService<CheckDrift>().RunAsync("demo", CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        playwright?.Dispose();
        api?.Dispose();
        if (app is null) return;
        await app.DisposeAsync();
        await hubspot!.DisposeAsync();
        Directory.Delete(data, recursive: true);
    }

    internal Task<JsonElement> GetAsync(string path) => api!.GetFromJsonAsync<JsonElement>(path);

    internal async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (key is not null) request.Headers.Add("X-API-Key", key);
        return await api!.SendAsync(request);
    }

    /// <summary>The training processes over this site's database, by the kernel's list: nobody else's.</summary>
    internal int[] TrainingProcesses() =>
    [
        .. from folder in Directory.GetDirectories("/proc")
           where int.TryParse(Path.GetFileName(folder), out _) && CommandLineOf(folder) is var command && command.Contains("train-run", StringComparison.Ordinal) && command.Contains(data, StringComparison.Ordinal)
           select int.Parse(Path.GetFileName(folder), System.Globalization.CultureInfo.InvariantCulture),
    ];

    private static string CommandLineOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>An admin key of an organization of its own, which has nothing yet.</summary>
    internal async Task<string> NewOrganizationAsync(string organizationId)
    {
        await app!.Services.GetRequiredService<OrganizationStore>().EnsureAsync(organizationId, CancellationToken.None);
        return (await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync(organizationId, "test", ApiScope.Admin, CancellationToken.None)).Reveal();
    }

    internal async Task<string> NewKeyAsync(ApiScope scope) => (await app!.Services.GetRequiredService<ApiKeyStore>().CreateAsync("demo", scope.ToString(), scope, CancellationToken.None)).Reveal();

    /// <summary>A browser of its own, signed in.</summary>
    internal async Task<IBrowserContext> OpenAsync(int width, bool dark = false, string? key = null)
    {
        var context = await playwright!.Chromium.LaunchPersistentContextAsync(Directory.CreateDirectory(Path.Combine(data, "chromium-" + Guid.NewGuid().ToString("N"))).FullName, new BrowserTypeLaunchPersistentContextOptions
        {
            ExecutablePath = BrowserFactAttribute.Chromium, Args = Flags, ChromiumSandbox = false, Headless = true, ViewportSize = new ViewportSize { Width = width, Height = 900 }, ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light, Timeout = 60_000,
        });
        context.SetDefaultTimeout(20_000);
        var page = context.Pages[0];
        page.Console += (_, message) =>
        {
            if (message.Type == "error") Faults.Add($"{page.Url}: {message.Text}");
        };
        page.PageError += (_, error) => Faults.Add($"{page.Url}: {error}");
        await page.GotoAsync(Url + "/dashboard");
        await page.FillAsync("input[name=key]", key ?? Key);
        await page.FillAsync("input[name=name]", "Ada");
        await page.ClickAsync("button.main");
        await page.WaitForURLAsync("**/dashboard");
        return context;
    }

    /// <summary>Opens a page and waits until what it loads later is there.</summary>
    internal async Task GoAsync(IPage page, string path)
    {
        await page.GotoAsync(Url + path, new PageGotoOptions { WaitUntil = WaitUntilState.NetworkIdle });
        await page.WaitForFunctionAsync("() => !document.querySelector('.htmx-request') && ![...document.querySelectorAll('[role=status]')].some(e => e.textContent.startsWith('Working'))");
    }
}
