using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.CommunityNode;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A published copy of a template: with credentials and settings of a test, otherwise as it comes.</summary>
internal sealed class Copy
{
    private readonly N8nServer n8n;
    private readonly NodeWorkflows workflows;
    private long newest;

    private Copy(N8nServer n8n, Template template, string id) => (this.n8n, Template, Id, workflows) = (n8n, template, id, new NodeWorkflows(n8n));

    public Template Template { get; }

    public string Id { get; }

    /// <param name="credential">What its nodes reach the sidecar with.</param>
    /// <param name="change">What the test sets in it before it is published.</param>
    public static async Task<Copy> PublishAsync(N8nServer n8n, string file, string credential = LeadScoringCredential.Id, Action<Template>? change = null)
    {
        var template = Template.Load(file).AsCopy().WithCredential(LeadScoringCredential.Type, credential);
        if (template.Json["nodes"]!.AsArray().Any(node => (string?)node!["name"] == "Settings" && node["parameters"]!.ToJsonString().Contains("\"sidecar_url\"", StringComparison.Ordinal)))
            template.WithSettings(("sidecar_url", n8n.SidecarUrl(credential).OriginalString));
        change?.Invoke(template);
        using var answer = await n8n.Client.PostAsJsonAsync("/rest/workflows", template.Json);
        var said = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{file} was not taken: {said}");
        var copy = new Copy(n8n, template, (string)JsonNode.Parse(said)!["data"]!["id"]!);
        await N8nServer.PublishAsync(n8n.Client, copy.Id);
        return copy;
    }

    /// <summary>Does the same with a copy in front of each sidecar that fails for good, all at the same time: most of it is waiting.</summary>
    public static Task<(string Credential, T Result)[]> BeforeEachFailingSidecarAsync<T>(N8nServer n8n, string file, Func<Copy, Task<T>> act, Action<Template>? change = null) =>
        Task.WhenAll(LeadScoringCredential.Failing.Select(async credential => (credential, await act(await PublishAsync(n8n, file, credential, template =>
        {
            // Whoever answers is not taken for one that does not, however busy this machine is.
            template.WithPatience(TimeSpan.FromSeconds(credential == LeadScoringCredential.StuckId ? 0.5 : 10));
            change?.Invoke(template);
        })))));

    /// <summary>Calls its webhook; <paramref name="key"/> null sends no key.</summary>
    public async Task<(int Status, JsonNode? Body)> SendAsync(JsonNode body, string? key = N8nServer.IntakeKey)
    {
        var path = (string)Template.Nodes("n8n-nodes-base.webhook").Single()["parameters"]!["path"]!;
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/webhook/{path}") { Content = JsonContent.Create(body) };
        if (key is not null) request.Headers.Add(N8nServer.IntakeHeader, key);
        using var answer = await n8n.Client.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) == true ? JsonNode.Parse(text) : null);
    }

    /// <summary>Runs it once from a schedule trigger, as the button in the editor does, to its end.</summary>
    public async Task<Execution> RunAsync(string trigger)
    {
        using var answer = await n8n.Client.PostAsJsonAsync($"/rest/workflows/{Id}/run", new { triggerToStartFrom = new { name = trigger } });
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{trigger} did not start: {await answer.Content.ReadAsStringAsync()}");
        var id = long.Parse((string)(await answer.Content.ReadFromJsonAsync<JsonNode>())!["data"]!["executionId"]!, CultureInfo.InvariantCulture);
        newest = Math.Max(newest, id);
        // Not the next one that ends: what it runs again may start it a second time, and end first.
        return await workflows.EndedAsync(id);
    }

    /// <summary>The next execution that this has not yet handed out, when it has ended.</summary>
    public async Task<Execution> NextAsync()
    {
        var execution = await workflows.NextExecutionAsync(Id, newest);
        newest = execution.Id;
        return execution;
    }

    public Task<int> CountAsync() => workflows.CountExecutionsAsync(Id);

    /// <summary>Stores a changed version, as a person does who mends a setting.</summary>
    public async Task ChangeAsync(Action<Template> change)
    {
        change(Template);
        var stored = (await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/workflows/{Id}"))!["data"]!;
        var body = new JsonObject { ["nodes"] = Template.Json["nodes"]!.DeepClone(), ["connections"] = Template.Json["connections"]!.DeepClone(), ["versionId"] = (string)stored["versionId"]! };
        using var answer = await n8n.Client.PatchAsJsonAsync($"/rest/workflows/{Id}", body);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
        await N8nServer.PublishAsync(n8n.Client, Id);
    }

    public async Task UnpublishAsync()
    {
        using var answer = await n8n.Client.PostAsJsonAsync($"/rest/workflows/{Id}/deactivate", new { });
        answer.EnsureSuccessStatusCode();
    }
}
