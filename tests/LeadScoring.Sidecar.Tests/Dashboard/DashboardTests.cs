using System.Net;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Tests.Dashboard;

/// <summary>Who may see and do what on the pages, and what pages make of hostile input.</summary>
public sealed partial class DashboardTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static readonly string[] Pages =
    [
        "", "/leads", "/review", "/business", "/business?handler=Figures", "/experiments", "/model", "/training", "/drift", "/fairness", "/fairness?handler=Figures", "/audit", "/connectors", "/import", "/settings", "/settings?tab=schedule", "/settings?tab=keys",
        "/settings?tab=webhooks", "/settings?tab=profile",
    ];

    [Fact]
    public async Task Pages_NotSignedIn_LeadToTheSignIn()
    {
        var browser = new DashboardBrowser(sidecar.Anonymous());
        foreach (var page in Pages.Append("/leads/x"))
        {
            var (response, html) = await browser.GetAsync("/dashboard" + page);
            Assert.Equal(HttpStatusCode.Found, response.StatusCode);
            Assert.StartsWith("/dashboard/login?next=", response.Headers.Location!.ToString());
            Assert.Empty(html);
        }
    }

    [Fact]
    public async Task SignIn_WrongOrRevokedKey_IsRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = new DashboardBrowser(sidecar.Anonymous());
        var (response, html) = await browser.SignInAsync("lsk_000000000000_" + new string('x', 43));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains("unknown or was revoked", html);
        Assert.False(browser.Cookies.ContainsKey("leadscoring_session"));

        // A session ends with its key.
        var other = await organization.WithScopeAsync(ApiScope.Admin);
        var signedIn = await DashboardBrowser.SignedInAsync(sidecar, other.Key.Reveal());
        Assert.Equal(HttpStatusCode.OK, (await signedIn.GetAsync("/dashboard")).Response.StatusCode);
        await sidecar.Get<ApiKeyStore>().RevokeAsync(organization.Id, other.Key.KeyId, CancellationToken.None);
        Assert.Equal(HttpStatusCode.Found, (await signedIn.GetAsync("/dashboard")).Response.StatusCode);
    }

    [Fact]
    public async Task SignIn_CookieMadeUp_IsNobody()
    {
        var client = sidecar.Anonymous();
        foreach (var cookie in (string[])["x", "AAAA", new string('A', 200), "%%%"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/dashboard");
            request.Headers.Add("Cookie", "leadscoring_session=" + cookie);
            Assert.Equal(HttpStatusCode.Found, (await client.SendAsync(request)).StatusCode);
        }
    }

    [Theory]
    [InlineData("//evil.example/x")]
    [InlineData("https://evil.example/dashboard")]
    [InlineData("/\\evil.example")]
    public async Task SignIn_NextElsewhere_StaysHere(string next)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (response, _) = await new DashboardBrowser(sidecar.Anonymous()).SignInAsync(organization.Key.Reveal(), next);
        Assert.Equal("/dashboard", response.Headers.Location!.ToString());
    }

    /// <summary>Without any lead or model every page says what to do next, and holds nothing that its policy forbids.</summary>
    [Fact]
    public async Task Pages_EmptyOrganization_AreWholeAndKeepThePolicy()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        foreach (var page in Pages)
        {
            var (response, html) = await browser.GetAsync("/dashboard" + page);
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{page}: {response.StatusCode} {html}");
            var policy = response.Headers.GetValues("Content-Security-Policy").Single();
            Assert.Contains("default-src 'none'", policy);
            Assert.DoesNotContain("unsafe", policy);
            Assert.DoesNotMatch(Inline, html);
        }

        Assert.Contains("Import leads", (await browser.GetAsync("/dashboard")).Html);
        Assert.Contains("There is no model yet", (await browser.GetAsync("/dashboard/model")).Html);
    }

    [GeneratedRegex(@"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", RegexOptions.IgnoreCase)]
    private static partial Regex Inline { get; }

    [Fact]
    public async Task Post_WithoutToken_ChangesNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("l-1", new { age = 40 });
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        var (response, _) = await browser.PostBareAsync("/dashboard/leads/l-1?handler=Override", ("grade", "A"), ("reason", "x"));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Null((await organization.GetAsync("/v1/leads/l-1")).Body.Text("override"));
        // The same with the token is done.
        (response, _) = await browser.PostAsync("/dashboard/leads/l-1", "/dashboard/leads/l-1?handler=Override", ("grade", "A"), ("reason", "x"));
        Assert.Equal(HttpStatusCode.Found, response.StatusCode);
        Assert.NotNull((await organization.GetAsync("/v1/leads/l-1")).Body.Text("override"));
    }

    [Fact]
    public async Task Scopes_OfTheKey_AreThoseOfTheSession()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("l-1", new { age = 40 });
        var looks = await DashboardBrowser.SignedInAsync(sidecar, (await organization.WithScopeAsync(ApiScope.Score)).Key.Reveal());
        await looks.PostAsync("/dashboard/leads/l-1", "/dashboard/leads/l-1?handler=Override", ("grade", "A"), ("reason", "x"));
        Assert.Contains("needs a key with scope write", (await looks.GetAsync("/dashboard/leads/l-1")).Html);
        Assert.Null((await organization.GetAsync("/v1/leads/l-1")).Body.Text("override"));

        var writes = await DashboardBrowser.SignedInAsync(sidecar, (await organization.WithScopeAsync(ApiScope.Write)).Key.Reveal());
        var before = (await organization.GetAsync("/v1/keys")).Body.GetProperty("keys").GetArrayLength();
        await writes.PostAsync("/dashboard/settings", "/dashboard/settings?handler=Key", ("name", "mine"), ("scope", "admin"));
        Assert.Equal(before, (await organization.GetAsync("/v1/keys")).Body.GetProperty("keys").GetArrayLength());
        Assert.DoesNotContain("Make a key", (await writes.GetAsync("/dashboard/settings?tab=keys")).Html);
    }

    [Fact]
    public async Task Audit_ByRole_IsShownVerifiedAndExported()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        var (_, html) = await browser.GetAsync("/dashboard/audit");
        Assert.Contains("dashboard.signed_in", html);
        Assert.Contains($"key {organization.Key.KeyId}", html);
        var (_, keys) = await browser.GetAsync("/dashboard/audit?kind=key.&since=2020-01-01");
        Assert.Contains("key.created", keys);
        Assert.DoesNotContain("dashboard.signed_in", keys);
        Assert.Contains("No entry", (await browser.GetAsync("/dashboard/audit?until=2020-01-01")).Html);
        Assert.Contains("The chain is whole", (await browser.PostAsync("/dashboard/audit", "/dashboard/audit?handler=Verify")).Html);
        var (export, lines) = await browser.GetAsync("/dashboard/audit?handler=Export");
        Assert.Equal("application/x-ndjson", export.Content.Headers.ContentType!.MediaType);
        Assert.Contains("\"kind\":\"organization.created\"", lines);

        foreach (var scope in (ApiScope[])[ApiScope.Score, ApiScope.Write])
        {
            var smaller = await DashboardBrowser.SignedInAsync(sidecar, (await organization.WithScopeAsync(scope)).Key.Reveal());
            var (_, refused) = await smaller.GetAsync("/dashboard/audit");
            Assert.Contains("needs a key with scope admin", refused);
            Assert.DoesNotContain("organization.created", refused);
            var (denied, body) = await smaller.GetAsync("/dashboard/audit?handler=Export");
            Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);
            Assert.DoesNotContain("organization.created", body);
            await smaller.PostAsync("/dashboard/leads", "/dashboard/audit?handler=Verify");
            Assert.DoesNotContain("The chain is whole", (await smaller.GetAsync("/dashboard/audit")).Html);
        }
    }

    [Fact]
    public async Task Keys_RotatedAndWithAnEnd_AreShown()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        var (_, made) = await browser.PostAsync("/dashboard/settings?tab=keys", "/dashboard/settings?handler=Key", ("name", "for a month"), ("scope", "score"), ("expiresInDays", "30"));
        Assert.Contains("lsk_", made);
        var keyId = (await organization.GetAsync("/v1/keys")).Body.GetProperty("keys").EnumerateArray().Single(k => k.Text("name") == "for a month").Text("key_id")!;
        var (_, rotated) = await browser.PostAsync("/dashboard/settings?tab=keys", "/dashboard/settings?handler=Rotate", ("keyId", keyId));
        Assert.Contains($"lsk_{keyId}_", rotated);
        Assert.Contains("secret before until", rotated);
    }

    [Fact]
    public async Task Lead_OfAnotherOrganization_Is404()
    {
        var (mine, theirs) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await theirs.PutLeadAsync("secret-1", new { name = "Secret Person" });
        var browser = await DashboardBrowser.SignedInAsync(sidecar, mine.Key.Reveal());
        var (response, html) = await browser.GetAsync("/dashboard/leads/secret-1");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.DoesNotContain("Secret Person", html);
        Assert.DoesNotContain("secret-1", (await browser.GetAsync("/dashboard/leads?q=secret&open=all")).Html.Replace("value=\"secret\"", ""));
        Assert.Equal(HttpStatusCode.NotFound, (await browser.GetAsync("/dashboard/no/such/page")).Response.StatusCode);
    }

    [Fact]
    public async Task Lead_HtmlInItsFields_IsText()
    {
        const string Evil = "<img src=x onerror=alert(1)>'\"</script>";
        var organization = await sidecar.NewOrganizationAsync();
        var id = "l<script>1";
        await organization.PutLeadAsync(Uri.EscapeDataString(id), new { name = Evil, note = Evil, website = "javascript:alert(1)", city = "\" onmouseover=\"alert(1)" });
        await organization.ScoreAsync(new { lead_id = id });
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        foreach (var page in (string[])["", "/leads", "/leads?q=" + Uri.EscapeDataString("<img"), "/leads/" + Uri.EscapeDataString(id)])
        {
            var (response, html) = await browser.GetAsync("/dashboard" + page);
            Assert.True(response.StatusCode == HttpStatusCode.OK, page);
            Assert.DoesNotContain("<img", html);
            Assert.DoesNotContain("<script>", html);
            Assert.DoesNotContain("=\"javascript:", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("\" onmouseover=\"", html);
            Assert.Contains("&lt;", html);
        }
    }

    [Fact]
    public async Task GradeChanges_ScoreThatRose_IsTold()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ScoreAsync(new { lead_id = "l-1", lead = new { age = 40 } });
        var (_, before) = await organization.GetAsync("/v1/grade-changes");
        Assert.Equal((1, 0, 0), (before.Int("first_scored"), before.Int("up"), before.Int("down")));
        await organization.ScoreAsync(new { lead_id = "l-1", lead = new { showing_requests = 6, call_count = 6, calc_usage = 6, forms_completed = 6, properties_viewed_count = 40, website_sessions = 30, virtual_tours = 5, email_open_rate = 0.9 } });
        var (_, after) = await organization.GetAsync("/v1/grade-changes");
        Assert.Equal(1, after.Int("up"));
        var change = after.At("changes", 0);
        Assert.Equal("D", change.Text("from"));
        Assert.Equal((await organization.GetAsync("/v1/leads/l-1")).Body.Text("grade"), change.Text("to"));
        Assert.Equal(1, after.GetProperty("grades").GetProperty(change.Text("to")!).GetInt32());
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/grade-changes?since=2020-01-01T00:00:00Z")).Status);
    }

    [Fact]
    public async Task ListLeads_Sought_FindsByIdAndAttributes()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("abc-1", new { name = "Grace Hopper" });
        await organization.PutLeadAsync("xyz-1", new { name = "100% sure" });
        await organization.PutLeadAsync("xyz-2", new { name = "100 sure" });
        async Task<string> FindAsync(string q) => string.Join(' ', (await organization.GetAsync("/v1/leads?q=" + Uri.EscapeDataString(q))).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")));
        Assert.Equal("abc-1", await FindAsync("ABC"));
        Assert.Equal("abc-1", await FindAsync("hopper"));
        Assert.Equal("xyz-1", await FindAsync("100% s"));
        Assert.Equal("", await FindAsync("yz-1"));
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads?q=x")).Status);
    }
}
