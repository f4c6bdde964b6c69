using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Organizations;

/// <summary>Keys that end, change their secret, and tell when they were used, by a clock that the test moves.</summary>
public sealed class KeyTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;
    private TestOrganization organization = null!;

    public async Task InitializeAsync()
    {
        sidecar = TestClock.Sidecar(clock);
        // Longer than what is tried here: what ends must end in the cache too.
        sidecar.Settings["LeadScoring:Api:KeyCacheTime"] = "00:10:00";
        await sidecar.InitializeAsync();
        organization = await sidecar.NewOrganizationAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private HttpClient With(string key)
    {
        var client = sidecar.Anonymous();
        client.DefaultRequestHeaders.Add("X-API-Key", key);
        return client;
    }

    private async Task<(HttpStatusCode Status, string Detail)> TryAsync(string key)
    {
        using var response = await With(key).GetAsync("/v1/leads");
        var body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        return (response.StatusCode, body.Text("detail") ?? "");
    }

    private async Task<JsonElement> CreateAsync(object request)
    {
        var (status, body) = await organization.PostAsync("/v1/keys", request);
        Assert.True(status == HttpStatusCode.Created, body.ToString());
        return body;
    }

    private async Task<JsonElement> ListedAsync(string keyId) => (await organization.GetAsync("/v1/keys")).Body.GetProperty("keys").EnumerateArray().Single(k => k.Text("key_id") == keyId);

    [Fact]
    public async Task Expiry_Over_IsRefusedAlsoFromTheCache()
    {
        var made = await CreateAsync(new { name = "n8n", scope = "score", expires_at = "2026-06-10T12:05:00Z" });
        var key = made.Text("key")!;
        Assert.Equal("2026-06-10T12:05:00.000Z", made.Text("expires_at"));
        Assert.Equal(HttpStatusCode.OK, (await TryAsync(key)).Status);
        clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(HttpStatusCode.OK, (await TryAsync(key)).Status);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        var (status, detail) = await TryAsync(key);
        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Contains("expired at 2026-06-10T12:05:00.000Z", detail);
        // Told to who has the secret, and to nobody else.
        Assert.Contains("unknown or was revoked", (await TryAsync(key[..^43] + new string('A', 43))).Detail);
        Assert.Equal("2026-06-10T12:05:00.000Z", (await ListedAsync(made.Text("key_id")!)).Text("expires_at"));
    }

    [Fact]
    public async Task Expiry_InDays_CountsFromNow()
    {
        Assert.Equal("2026-07-10T12:00:00.000Z", (await CreateAsync(new { name = "x", scope = "score", expires_in_days = 30 })).Text("expires_at"));
        foreach (var bad in (object[])[new { name = "x", scope = "score", expires_in_days = 0 }, new { name = "x", scope = "score", expires_at = "2026-06-10T12:00:00Z" }, new { name = "x", scope = "score", expires_at = "2027-01-01", expires_in_days = 3 }, new { name = "x", scope = "score", expires_at = "2099-01-01" }])
            Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync("/v1/keys", bad)).Status);
    }

    [Fact]
    public async Task Rotate_OldSecret_IsGoodUntilTheOverlapEnds()
    {
        var made = await CreateAsync(new { name = "n8n", scope = "score" });
        var (old, keyId) = (made.Text("key")!, made.Text("key_id")!);
        Assert.Equal(HttpStatusCode.OK, (await TryAsync(old)).Status);
        var (status, rotated) = await organization.PostAsync($"/v1/keys/{keyId}/rotate?overlap_hours=2", new { });
        Assert.Equal((HttpStatusCode.OK, "2026-06-10T14:00:00.000Z"), (status, rotated.Text("previous_until")));
        var fresh = rotated.Text("key")!;
        Assert.NotEqual(old, fresh);
        foreach (var key in (string[])[old, fresh]) Assert.Equal(HttpStatusCode.OK, (await TryAsync(key)).Status);
        Assert.Equal("2026-06-10T14:00:00.000Z", (await ListedAsync(keyId)).Text("previous_secret_until"));
        // Looked at a moment before, so that both are in the cache.
        clock.Advance(TimeSpan.FromHours(2) - TimeSpan.FromMinutes(1));
        foreach (var key in (string[])[old, fresh]) Assert.Equal(HttpStatusCode.OK, (await TryAsync(key)).Status);
        clock.Advance(TimeSpan.FromMinutes(1));
        var (ended, detail) = await TryAsync(old);
        Assert.Equal(HttpStatusCode.Unauthorized, ended);
        Assert.Contains("was replaced", detail);
        Assert.Equal(HttpStatusCode.OK, (await TryAsync(fresh)).Status);
        Assert.Null((await ListedAsync(keyId)).Text("previous_secret_until"));
    }

    [Fact]
    public async Task Rotate_TwiceAndWithoutOverlap_LeavesOneSecret()
    {
        var made = await CreateAsync(new { name = "n8n", scope = "score" });
        var keyId = made.Text("key_id")!;
        var second = (await organization.PostAsync($"/v1/keys/{keyId}/rotate", new { })).Body.Text("key")!;
        var third = (await organization.PostAsync($"/v1/keys/{keyId}/rotate?overlap_hours=0", new { })).Body.Text("key")!;
        Assert.Equal(HttpStatusCode.Unauthorized, (await TryAsync(made.Text("key")!)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await TryAsync(second)).Status);
        Assert.Equal(HttpStatusCode.OK, (await TryAsync(third)).Status);
        await organization.SendAsync(HttpMethod.Delete, $"/v1/keys/{keyId}");
        Assert.Equal(HttpStatusCode.Unauthorized, (await TryAsync(third)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.PostAsync($"/v1/keys/{keyId}/rotate", new { })).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync($"/v1/keys/{keyId}/rotate?overlap_hours=721", new { })).Status);
    }

    [Fact]
    public async Task LastUsed_ByTheMinute_AndFirstUseOfADayIsAudited()
    {
        var made = await CreateAsync(new { name = "n8n", scope = "score" });
        var (key, keyId) = (made.Text("key")!, made.Text("key_id")!);
        Assert.Null((await ListedAsync(keyId)).Text("last_used_at"));
        var uses = sidecar.Get<KeyUse>();
        async Task<int> AuditedAsync() => (await organization.GetAsync("/v1/audit?kind=key.used")).Body.GetProperty("entries").EnumerateArray().Count(e => e.Text("subject") == $"key {keyId}");
        for (var use = 0; use < 3; use++)
        {
            await TryAsync(key);
            await uses.WriteAsync(CancellationToken.None);
            Assert.Equal(1, await AuditedAsync());
            Assert.Equal(MomentConverter.Text(clock.GetUtcNow()), (await ListedAsync(keyId)).Text("last_used_at"));
            clock.Advance(TimeSpan.FromMinutes(7));
        }

        clock.Advance(TimeSpan.FromDays(1));
        await TryAsync(key);
        await uses.WriteAsync(CancellationToken.None);
        Assert.Equal(2, await AuditedAsync());
        // Not used since: nothing to write for it.
        Assert.Equal(1, await uses.WriteAsync(CancellationToken.None));
        Assert.Equal(0, await uses.WriteAsync(CancellationToken.None));
    }
}
