using LeadScoring.Connectors.Tests.HubSpot;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary><c>connectors check</c>, with settings as whoever runs the service gives them.</summary>
[Trait("Category", "Server")]
public sealed class ConnectorsCommandTests : IDisposable
{
    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    public void Dispose() => Directory.Delete(data, recursive: true);

    private async Task<(int Code, string Output, string Error)> CheckAsync(string name, params (string Name, string Value)[] settings)
    {
        Directory.CreateDirectory(data);
        return await SidecarProcess.RunAsync(data, [.. settings.Select(s => ("LEADSCORING__CONNECTORS__" + s.Name, s.Value))], ["connectors", "check", name]);
    }

    [Fact]
    public async Task Check_ScopeAndFieldsMissing_ListsEachAndWhatToDo()
    {
        await using var hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        (string, string)[] settings = [("HUBSPOT__TOKEN", HubSpotSimulator.Token), ("HUBSPOT__BASEURL", hubspot.Url.AbsoluteUri)];
        hubspot.Fail(1, 403, "/deals", "{\"category\":\"MISSING_SCOPES\"}");
        hubspot.AddProperty("lead_scoring_score", "contactinformation");
        var (code, output, error) = await CheckAsync("HubSpot", settings);
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("hubspot: portal 4711, organization default", output);
        Assert.Contains("  ok      read contacts", output);
        Assert.Contains("  missing read deals: give it the scope crm.objects.deals.read", output);
        Assert.Contains("  missing fields: missing: lead_scoring_grade", output);
        Assert.Contains("lead_scoring_score are not in the group lead_scoring", output);
        Assert.DoesNotContain(hubspot.Seen, r => r.Method == "POST");

        (code, output, _) = await CheckAsync("hubspot", [.. settings, ("HUBSPOT__WRITEBACK", "false")]);
        Assert.True(code == 0, output);
        Assert.DoesNotContain("missing", output);
    }

    [Fact]
    public async Task Check_CredentialsWrong_SaysSo()
    {
        await using var hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        var (code, output, _) = await CheckAsync("hubspot", ("HUBSPOT__TOKEN", "another"), ("HUBSPOT__BASEURL", hubspot.Url.AbsoluteUri));
        Assert.Equal(1, code);
        Assert.Contains("  missing credentials: the token is refused", output);
    }

    [Theory]
    [InlineData("crm", "There is no connector of this name. There are: hubspot, salesforce.")]
    [InlineData("hubspot", "HUBSPOT__TOKEN is not set")]
    [InlineData("salesforce", "there is no vendor 'sales'")]
    public async Task Check_SettingsWrong_IsOneLine(string name, string part) => CommandRun.AssertOneLine(await CheckAsync(name, ("HUBSPOT__ORGANIZATION", "acme"), ("SALESFORCE__VENDOR", "sales")), part);
}
