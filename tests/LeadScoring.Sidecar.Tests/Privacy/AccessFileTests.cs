using System.Net;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>What a person is told of himself.</summary>
public sealed class AccessFileTests : IAsyncLifetime
{
    private const string Evil = "<script>alert(1)</script>\n\"><img src=x>";

    private readonly SidecarFactory sidecar = new() { Settings = { ["LeadScoring:Webhooks:AllowedPrivateHosts"] = "127.0.0.1" } };

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    [Fact]
    public async Task Get_PersonWhoIsEverywhere_TellsEveryPart()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await new Canary(sidecar, organization).PlantAsync();
        var (status, file) = await organization.GetAsync($"/v1/leads/{Canary.Id}/access");
        Assert.True(status == HttpStatusCode.OK, file.ToString());
        var parts = file.GetProperty("parts").EnumerateArray().ToDictionary(p => p.Text("name")!, p => p.GetProperty("rows").GetArrayLength());
        Assert.DoesNotContain(parts, p => p.Value == 0);
        Assert.Equal(31, parts["activity"]);
        Assert.Equal(Canary.Email, file.At("parts", 0).At("rows", 0).Text("email"));
        var scoring = file.GetProperty("scoring");
        Assert.NotEmpty(scoring.GetProperty("reasons").EnumerateArray());
        Assert.Contains("points)", scoring.At("reasons", 0).GetString());
        Assert.NotEmpty(scoring.Text("what_would_change")!);
        using var page = await organization.Client.GetAsync($"/v1/leads/{Canary.Id}/access?format=text");
        var text = await page.Content.ReadAsStringAsync();
        foreach (var said in (string[])[Canary.Name, "is a friend", "hung up", "http://127.0.0.1:9/", "What would have led to a better grade", "crm"]) Assert.Contains(said, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_TextThatIsMarkup_DoesNotRunAndStaysOnItsLine()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("p", new Dictionary<string, string> { ["note"] = Evil, ["<b>"] = "x" });
        using var page = await organization.Client.GetAsync("/v1/leads/p/access?format=html");
        var html = await page.Content.ReadAsStringAsync();
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("sandbox", page.Headers.GetValues("Content-Security-Policy").Single());
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", html, StringComparison.Ordinal);
        using var plain = await organization.Client.GetAsync("/v1/leads/p/access?format=text");
        Assert.Contains("note: <script>alert(1)</script> \"><img", await plain.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_UnknownOtherOrganizationOrLesserKey_IsRefused()
    {
        var (organization, stranger) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await organization.PutLeadAsync("p", new { x = 1 });
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync("/v1/leads/p/access")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await (await organization.WithScopeAsync(ApiScope.Score)).GetAsync("/v1/leads/p/access")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads/p/access?format=pdf")).Status);
        Assert.Equal("The person has not been scored.", (await organization.Client.GetStringAsync("/v1/leads/p/access?format=text")).Split('\n').Single(l => l.StartsWith("The person has not", StringComparison.Ordinal)));
    }
}
