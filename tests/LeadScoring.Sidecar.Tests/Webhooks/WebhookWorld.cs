using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>A service that delivers, with short waits, and grades that a few facts reach: 10 points and D for none, 20 for a call, 35 and C for a showing, 45 and A for both.</summary>
internal static class WebhookWorld
{
    internal static SidecarFactory Sidecar(params (string Name, string Value)[] settings)
    {
        var sidecar = new SidecarFactory();
        (string, string)[] defaults =
        [
            ("Webhooks:DeliverHere", "true"), ("Webhooks:AllowedPrivateHosts", "127.0.0.1"), ("Webhooks:FirstRetry", "00:00:00.05"), ("Webhooks:Timeout", "00:00:02"),
            ("Scoring:GradeA", "44"), ("Scoring:GradeB", "40"), ("Scoring:GradeC", "30"),
        ];
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[.. defaults, .. settings]) sidecar.Settings["LeadScoring:" + name] = value;
        return sidecar;
    }

    /// <summary>A webhook for the address; its id and secret.</summary>
    internal static async Task<(string Id, string Secret)> SubscribeAsync(this TestOrganization organization, Uri url, string[] events, string[]? grades = null)
    {
        var (status, body) = await organization.PostAsync("/v1/webhooks", new { url = url.ToString(), events, grades });
        Assert.True(status == HttpStatusCode.Created, body.ToString());
        return (body.GetProperty("webhook").Text("webhook_id")!, body.Text("secret")!);
    }

    /// <summary>Facts and a new score.</summary>
    internal static Task<JsonElement> ScoreAsync(this TestOrganization organization, string leadId, int calls, int showings) =>
        organization.ScoreAsync(new { lead_id = leadId, lead = new { call_count = calls, showing_requests = showings } });

    internal static async Task<JsonElement> WebhookAsync(this TestOrganization organization, string id) =>
        (await organization.GetAsync("/v1/webhooks")).Body.GetProperty("webhooks").EnumerateArray().Single(w => w.Text("webhook_id") == id);

    internal static async Task<JsonElement[]> DeliveriesAsync(this TestOrganization organization, string id, string status) =>
        [.. (await organization.GetAsync($"/v1/webhooks/{id}/deliveries?status={status}&limit=500")).Body.GetProperty("deliveries").EnumerateArray()];

    internal static async Task<long> CountAsync(this SidecarFactory sidecar, string sql)
    {
        await using var connection = await sidecar.Services.GetRequiredService<Database>().OpenConnectionAsync(CancellationToken.None);
        return await connection.ExecuteScalarAsync<long>(sql);
    }
}
