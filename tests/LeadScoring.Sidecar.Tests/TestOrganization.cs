using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Tests;

/// <summary>An organization of one test, and what a workflow does on its behalf.</summary>
internal sealed class TestOrganization(SidecarFactory sidecar, string id, ApiKey key)
{
    internal string Id => id;

    internal ApiKey Key => key;

    internal HttpClient Client { get; } = sidecar.With(key);

    internal async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, string path, object? body = null, string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is HttpContent content) request.Content = content;
        else if (body is not null) request.Content = new StringContent(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, contentType);
        using var response = await Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonElement.Parse(text));
    }

    internal Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, object body) => SendAsync(HttpMethod.Post, path, body);

    internal Task<(HttpStatusCode Status, JsonElement Body)> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    internal async Task PutLeadAsync(string leadId, object attributes)
    {
        var (status, body) = await SendAsync(HttpMethod.Put, "/v1/leads/" + leadId, new { attributes });
        Assert.True(status == HttpStatusCode.OK, body.ToString());
    }

    internal Task<(HttpStatusCode Status, JsonElement Body)> ImportAsync(string kind, byte[] csv, string options = "")
    {
        var content = new ByteArrayContent(csv);
        content.Headers.ContentType = new("text/csv");
        return SendAsync(HttpMethod.Post, $"/v1/imports?kind={kind}{options}", content);
    }

    internal Task<(HttpStatusCode Status, JsonElement Body)> ImportAsync(string kind, string csv, string options = "") => ImportAsync(kind, Encoding.UTF8.GetBytes(csv), options);

    /// <summary>The same organization with another key.</summary>
    internal async Task<TestOrganization> WithScopeAsync(ApiScope scope) =>
        new(sidecar, id, await sidecar.Get<ApiKeyStore>().CreateAsync(id, "test", scope, CancellationToken.None));

    /// <summary>One score, which must succeed.</summary>
    internal async Task<JsonElement> ScoreAsync(object request)
    {
        var (status, body) = await PostAsync("/v1/score", request);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    /// <summary>Adds a bundle to the registry; its version.</summary>
    internal async Task<int> ImportModelAsync(byte[] bundle)
    {
        var (status, body) = await SendBundleAsync(bundle);
        Assert.True(status == HttpStatusCode.Created, body.ToString());
        return body.Int("version");
    }

    internal Task<(HttpStatusCode Status, JsonElement Body)> SendBundleAsync(byte[] bundle)
    {
        var content = new ByteArrayContent(bundle);
        content.Headers.ContentType = new("application/zip");
        return SendAsync(HttpMethod.Post, "/v1/models/import", content);
    }

    /// <summary>Imports a bundle and makes it the champion.</summary>
    internal async Task<int> UseModelAsync(byte[] bundle)
    {
        var version = await ImportModelAsync(bundle);
        var (status, body) = await SendAsync(HttpMethod.Post, $"/v1/models/{version}/promote");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return version;
    }

    internal async Task<StoredLead?> LeadAsync(string leadId) => await sidecar.Get<LeadStore>().GetAsync(id, leadId, CancellationToken.None);

    internal async Task<List<LeadEvent>> EventsAsync()
    {
        var events = new List<LeadEvent>();
        await foreach (var e in sidecar.Get<EventStore>().ReadAllAsync(id, CancellationToken.None)) events.Add(e);
        return events;
    }

    /// <summary>Stored state of every lead equals the replay of its stored events, byte for byte.</summary>
    internal async Task AssertStatesEqualReplayAsync()
    {
        var events = (await EventsAsync()).ToLookup(e => e.LeadId, e => e.Event);
        await foreach (var lead in sidecar.Get<LeadStore>().StreamAllAsync(id, CancellationToken.None))
            Assert.Equal(ActivityState.Replay(events[lead.LeadId], long.MaxValue).ToBytes(), lead.Snapshot.Activity.ToBytes());
    }
}
