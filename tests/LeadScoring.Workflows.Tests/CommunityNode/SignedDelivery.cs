using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>Delivers to a published trigger as the sidecar does, or as somebody who would like to be the sidecar.</summary>
internal static class SignedDelivery
{
    /// <summary>Address and secret of the trigger in a published workflow.</summary>
    public static async Task<(string Url, string Secret)> TargetAsync(N8nServer n8n, string workflowId, string triggerName)
    {
        var workflow = (await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/workflows/{workflowId}"))!["data"]!;
        var webhookId = (string)workflow["nodes"]!.AsArray().Single(node => (string?)node!["name"] == triggerName)!["webhookId"]!;
        var webhooks = (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/webhooks"))["webhooks"]!.AsArray();
        var url = webhooks.Select(webhook => (string)webhook!["url"]!).Single(url => url.Contains(webhookId, StringComparison.Ordinal));
        return (url, (string)workflow["staticData"]![$"node:{triggerName}"]!["secret"]!);
    }

    /// <param name="secret">Null for no signature at all.</param>
    /// <param name="tamper">Whether the body is changed after it was signed.</param>
    public static async Task<int> SendAsync(HttpClient client, string url, string body, string? secret, long timestamp, bool tamper = false)
    {
        var id = (string)JsonNode.Parse(body)!["id"]!;
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(tamper ? body.Replace("feature", "futures", StringComparison.Ordinal) : body, Encoding.UTF8, "application/json") };
        if (secret is not null)
        {
            var mac = HMACSHA256.HashData(Convert.FromBase64String(secret["whsec_".Length..]), Encoding.UTF8.GetBytes($"{id}.{timestamp}.{body}"));
            request.Headers.Add("webhook-id", id);
            request.Headers.Add("webhook-timestamp", $"{timestamp}");
            request.Headers.Add("webhook-signature", $"v1,{Convert.ToBase64String(mac)}");
        }

        using var answer = await client.SendAsync(request);
        return (int)answer.StatusCode;
    }

    /// <summary>The same with the moment of now.</summary>
    public static Task<int> SendAsync(HttpClient client, (string Url, string Secret) target, JsonObject @event) =>
        SendAsync(client, target.Url, @event.ToJsonString(), target.Secret, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
}
