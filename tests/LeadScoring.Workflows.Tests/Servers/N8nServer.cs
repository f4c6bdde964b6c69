using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>
/// A real n8n from the npm registry with its own data folder, and the sidecars its workflows call. Started once for all
/// tests of the collection. Credentials and workflows come in through n8n's command line, under the ids that the files
/// carry, exactly as a container set-up does it.
/// </summary>
public sealed class N8nServer : IAsyncLifetime
{
    public const string IntakeHeader = "X-Intake-Key";
    public const string IntakeKey = "key-of-the-sender";

    private const string TemplateUnderTest = "01-lead-intake-score-route.json";

    // What n8n-up.sh says when a part that it cannot supply is missing (EX_UNAVAILABLE).
    private const int PartMissing = 69;
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(6);

    private readonly string data = Directory.CreateTempSubdirectory("leadscoring-n8n-").FullName;
    private readonly DeadPort dead = new();
    private readonly Dictionary<string, long> newestBeforeCall = [];
    private FakeSidecar? fake;
    private SidecarProcess? real;
    private SidecarProcess? nodeSidecar;
    private CountingProxy? proxy;
    private HttpClient? client;
    private Template? intake;
    private Template? faults;
    private Template? down;
    private Exception? missing;

    /// <summary>Scores what it is told to; behind the workflow "faults".</summary>
    internal FakeSidecar Fake => Ready(fake);

    /// <summary>Behind the template as it is.</summary>
    internal ISidecar Sidecar => Ready(real);

    /// <summary>Behind the community node's workflows, which train and promote models: theirs alone.</summary>
    internal ISidecar NodeSidecar => Ready(nodeSidecar);

    /// <summary>In front of <see cref="NodeSidecar"/>.</summary>
    internal CountingProxy Proxy => Ready(proxy);

    internal HttpClient Client => Ready(client);

    /// <summary>The template as it comes, in front of <see cref="Sidecar"/>.</summary>
    internal Template Intake => Ready(intake);

    /// <summary>The same in front of <see cref="Fake"/>, with little patience.</summary>
    internal Template Faults => Ready(faults);

    /// <summary>The same in front of a sidecar that is down.</summary>
    internal Template Down => Ready(down);

    public async Task InitializeAsync()
    {
        var installed = await Shell.RunAsync(Repository.N8nUp, ["install"], InstallLimit);
        if (installed.ExitCode == PartMissing)
        {
            missing = Missing.Part(installed.Errors.Trim().Split('\n')[^1]);
            return;
        }

        Require(installed);
        fake = await FakeSidecar.StartAsync();
        try
        {
            (real, nodeSidecar) = await SidecarProcess.StartTwoWithDemoModelAsync();
            proxy = await CountingProxy.StartAsync(nodeSidecar.Url);
        }
        catch (MissingPartException e)
        {
            missing = e;
            return;
        }

        WriteImports();
        // Where n8n looks for packages that were installed through its panel.
        var packed = await Shell.RunAsync(Repository.N8nNode, ["pack", Path.Combine(data, ".n8n", "nodes", "node_modules")], InstallLimit);
        if (packed.ExitCode == PartMissing)
        {
            missing = Missing.Part(packed.Errors.Trim().Split('\n')[^1]);
            return;
        }

        Require(packed);

        // A test run that is interrupted must not leave a server behind.
        AppDomain.CurrentDomain.ProcessExit += StopNow;
        var port = Ports.FreePair();
        Require(await Shell.RunAsync(Repository.N8nUp, ["start", data, $"{port}", Path.Combine(data, "import")], StartLimit));
        client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await LogInAsync(client);
        foreach (var template in (Template[])[Intake, Faults, Down]) await PublishAsync(client, template.Id);
    }

    public async Task DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= StopNow;
        await Shell.RunAsync(Repository.N8nUp, ["stop", data], TimeSpan.FromMinutes(1));
        client?.Dispose();
        if (proxy is not null) await proxy.DisposeAsync();
        if (nodeSidecar is not null) await nodeSidecar.DisposeAsync();
        if (real is not null) await real.DisposeAsync();
        if (fake is not null) await fake.DisposeAsync();
        dead.Dispose();
        Directory.Delete(data, recursive: true);
    }

    /// <summary>What the webhook answers; <paramref name="key"/> null sends no key at all.</summary>
    internal async Task<(int Status, JsonNode? Body, string? MediaType)> SendAsync(Template to, string json, string? key = IntakeKey)
    {
        newestBeforeCall[to.Id] = (await NewestExecutionAsync(to)).Id;
        var path = (string)to.Nodes("n8n-nodes-base.webhook").Single()["parameters"]!["path"]!;
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/webhook/{path}") { Content = new StringContent(json, null, "application/json") };
        if (key is not null) request.Headers.Add(IntakeHeader, key);
        using var answer = await Client.SendAsync(request);
        var mediaType = answer.Content.Headers.ContentType?.MediaType;
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, mediaType?.EndsWith("json", StringComparison.Ordinal) == true ? JsonNode.Parse(text) : null, mediaType);
    }

    /// <summary>What the real sidecar itself says.</summary>
    internal Task<JsonNode> AskSidecarAsync(string path) => AskAsync(Sidecar, path);

    /// <summary>What a sidecar itself says.</summary>
    internal static async Task<JsonNode> AskAsync(ISidecar sidecar, string path)
    {
        using var asking = new HttpClient { BaseAddress = sidecar.Url };
        asking.DefaultRequestHeaders.Add("X-API-Key", sidecar.ApiKey);
        return (await asking.GetFromJsonAsync<JsonNode>(path))!;
    }

    /// <summary>Posts an empty object to the community node's sidecar.</summary>
    internal async Task<JsonNode> PostToNodeSidecarAsync(string path)
    {
        using var client = new HttpClient { BaseAddress = NodeSidecar.Url };
        client.DefaultRequestHeaders.Add("X-API-Key", NodeSidecar.ApiKey);
        using var answer = await client.PostAsJsonAsync(path, new { });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
    }

    /// <summary>How the execution of the latest call to a workflow ended, once it has ended.</summary>
    internal async Task<string> LastExecutionStatusAsync(Template of)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var (id, status) = await NewestExecutionAsync(of);
            // The answer may come before n8n lists the execution: until then the newest one is of an earlier call.
            var isOfThisCall = id > newestBeforeCall.GetValueOrDefault(of.Id);
            if (isOfThisCall && status is not ("new" or "running")) return status;
            if (waited.Elapsed > TimeSpan.FromSeconds(20)) return isOfThisCall ? status : "none";
            await Task.Delay(100);
        }
    }

    private async Task<(long Id, string Status)> NewestExecutionAsync(Template of)
    {
        var filter = Uri.EscapeDataString(new JsonObject { ["workflowId"] = of.Id }.ToJsonString());
        var answer = await Client.GetFromJsonAsync<JsonNode>($"/rest/executions?limit=1&filter={filter}");
        return answer!["data"]!["results"]!.AsArray().FirstOrDefault() is { } newest ? (long.Parse((string)newest["id"]!), (string)newest["status"]!) : (0, "none");
    }

    /// <summary>What n8n's own node descriptions say against a workflow file; empty if nothing.</summary>
    internal async Task<string> CheckAsync(string file)
    {
        var checkedFile = await Shell.RunAsync(Repository.N8nUp, ["check", Ready(data), file], TimeSpan.FromMinutes(1));
        return Require(checkedFile).Output;
    }

    /// <summary>Opens a workflow in the editor; what the canvas says, and a picture in <paramref name="png"/>.</summary>
    internal async Task<JsonNode> PictureAsync(Template of, string png)
    {
        var taken = await Shell.RunAsync(Repository.N8nUp, ["picture", Ready(data), of.Id, png], TimeSpan.FromMinutes(3));
        if (taken.ExitCode == PartMissing) throw Missing.Part(taken.Errors.Trim().Split('\n')[^1]);
        return JsonNode.Parse(Require(taken).Output)!;
    }

    /// <summary>Opens a node's panel in the editor; which fields it shows, and a picture in <paramref name="png"/>.</summary>
    internal async Task<JsonNode> PanelPictureAsync(string workflowId, string node, string png)
    {
        var taken = await Shell.RunAsync(Repository.N8nUp, ["panel", Ready(data), workflowId, node, png], TimeSpan.FromMinutes(3));
        if (taken.ExitCode == PartMissing) throw Missing.Part(taken.Errors.Trim().Split('\n')[^1]);
        return JsonNode.Parse(Require(taken).Output)!;
    }

    private async Task LogInAsync(HttpClient editor)
    {
        const string Password = "N8N_OWNER_PASSWORD=";
        var environment = await File.ReadAllTextAsync(Path.Combine(data, "n8n.env"));
        var password = environment[(environment.IndexOf(Password, StringComparison.Ordinal) + Password.Length)..].Split((char[])[' ', '\n'])[0];
        using var answer = await editor.PostAsJsonAsync("/rest/login", new { emailOrLdapLoginId = "owner@example.test", password });
        answer.EnsureSuccessStatusCode();
    }

    // Through the editor's API, which checks the workflow (unknown node, parameter missing); the command line does not.
    internal static async Task PublishAsync(HttpClient editor, string workflowId)
    {
        var workflow = await editor.GetFromJsonAsync<JsonNode>($"/rest/workflows/{workflowId}");
        using var answer = await editor.PostAsJsonAsync($"/rest/workflows/{workflowId}/activate", new { versionId = (string)workflow!["data"]!["versionId"]! });
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{workflowId} was not published: {await answer.Content.ReadAsStringAsync()}");

        // Publishing is asynchronous: until the trigger is live the webhook answers 404.
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var publication = (await editor.GetFromJsonAsync<JsonNode>($"/rest/workflows/{workflowId}/publication-status"))!["data"]!;
            if ((string?)publication["status"] == "published") return;
            if ((string?)publication["status"] == "failed" || waited.Elapsed > TimeSpan.FromSeconds(90))
                throw new InvalidOperationException($"{workflowId} is not live: {publication.ToJsonString()}");
            await Task.Delay(100);
        }
    }

    private static ShellResult Require(ShellResult result) =>
        result.ExitCode == 0 ? result : throw new InvalidOperationException($"exit code {result.ExitCode}: {result.Errors}{result.Output}");

    private T Ready<T>(T? part) => missing is null ? part ?? throw new InvalidOperationException("n8n did not start.") : throw missing;

    private void WriteImports()
    {
        intake = Template.Load(TemplateUnderTest)
            .WithSettings(("sidecar_url", Sidecar.Url.OriginalString));
        faults = Template.Load(TemplateUnderTest).WithIdAndPath("leadIntakeFaults", "lead-intake-faults")
            .WithSettings(("sidecar_url", Fake.Url.OriginalString), ("organization_id", Fake.OrganizationId), ("timeout_ms", 1500));
        down = Template.Load(TemplateUnderTest).WithIdAndPath("leadIntakeDown01", "lead-intake-down")
            .WithSettings(("sidecar_url", dead.Url.OriginalString));
        // The fake has a key of its own, so the workflow in front of it gets a credential of its own.
        Faults.Node("Score the lead")["credentials"]!["httpHeaderAuth"]!["id"] = "fakeSidecarKey01";

        foreach (var template in (Template[])[Intake, Faults, Down]) Import("workflows", template.Id, template.Json);
        Import("credentials", "intake", HeaderCredential(Intake.Node("Lead received"), IntakeHeader, IntakeKey));
        Import("credentials", "sidecar", HeaderCredential(Intake.Node("Score the lead"), "X-API-Key", Sidecar.ApiKey));
        Import("credentials", "fake", HeaderCredential(Faults.Node("Score the lead"), "X-API-Key", Fake.ApiKey));
        Import("credentials", "node", LeadScoringCredential.Of(LeadScoringCredential.Id, Proxy.Url, NodeSidecar));
        Import("credentials", "down", LeadScoringCredential.Of(LeadScoringCredential.DownId, dead.Url, NodeSidecar));
    }

    private void Import(string kind, string name, JsonObject json)
    {
        var folder = Directory.CreateDirectory(Path.Combine(data, "import", kind)).FullName;
        File.WriteAllText(Path.Combine(folder, $"{name}.json"), json.ToJsonString());
    }

    // Under the id that the template names, so that it works right after import.
    private static JsonObject HeaderCredential(JsonNode node, string header, string value)
    {
        var named = node["credentials"]!["httpHeaderAuth"]!;
        return new JsonObject
        {
            ["id"] = (string)named["id"]!,
            ["name"] = (string)named["name"]!,
            ["type"] = "httpHeaderAuth",
            ["data"] = new JsonObject { ["name"] = header, ["value"] = value },
        };
    }

    private void StopNow(object? sender, EventArgs e) => Process.Start(Repository.N8nUp, ["stop", data]).WaitForExit();
}
