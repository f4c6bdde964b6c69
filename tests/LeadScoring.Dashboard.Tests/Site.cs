using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Organizations;
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

    internal string Url { get; private set; } = "";

    internal string Key { get; private set; } = "";

    /// <summary>Faults that Chromium told of: console errors, exceptions of scripts, violations of the policy.</summary>
    internal List<string> Faults { get; } = [];

    public async Task InitializeAsync()
    {
        if (new BrowserFactAttribute().Skip is not null) return;
        Directory.CreateDirectory(data);
        using var said = new StringWriter();
        var code = await CommandLine.RunAsync(["demo", "--data", data, "--leads", "2500", "--active", "10000"], Terminal.Plain(said, said), CancellationToken.None);
        Assert.True(code == 0, said.ToString());
        Key = (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim();
        var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>
        {
            ["LeadScoring:Data"] = data, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Webhooks:DeliverHere"] = "false", ["LeadScoring:Sync:RunHere"] = "false",
            ["LeadScoring:Scoring:RescoreChangedLeads"] = "false",
            // An import that takes a few seconds tells how far it is a few times.
            ["LeadScoring:Imports:BatchRows"] = "500",
        });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        await app.PrepareAsync(CancellationToken.None);
        app.MapSlices();
        await app.StartAsync();
        Url = app.Urls.First();
        api = new HttpClient { BaseAddress = new Uri(Url) };
        api.DefaultRequestHeaders.Add("X-API-Key", Key);
        playwright = await Playwright.CreateAsync();
    }

    public async Task DisposeAsync()
    {
        playwright?.Dispose();
        api?.Dispose();
        if (app is null) return;
        await app.DisposeAsync();
        Directory.Delete(data, recursive: true);
    }

    internal Task<JsonElement> GetAsync(string path) => api!.GetFromJsonAsync<JsonElement>(path);

    internal async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null) => await api!.SendAsync(new HttpRequestMessage(method, path) { Content = content });

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
