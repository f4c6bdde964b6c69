using System.Diagnostics;
using System.Net;
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

    /// <summary>What the forms ask for.</summary>
    public const string FormsUser = "sales";
    public const string FormsPassword = "password-of-sales";

    private const string PlainHttp = "plain-http-lead-intake.json";
    private const string CrmCredential = "leadCrmApiKey001";

    // What n8n-up.sh says when a part that it cannot supply is missing (EX_UNAVAILABLE).
    internal const int PartMissing = 69;
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(6);

    private readonly string data = Directory.CreateTempSubdirectory("leadscoring-n8n-").FullName;
    private readonly DeadPort dead = new();
    private readonly Dictionary<string, long> newestBeforeCall = [];
    private FakeSidecar? fake;
    private SidecarProcess? real;
    private SidecarProcess? nodeSidecar;
    private CountingProxy? proxy;
    private FailingSidecar? failing;
    private HttpClient? client;
    private IntakeTemplates? intake;
    private IntakeTemplates? plainIntake;
    private string? apiCredential;
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

    /// <summary>The folder in which it lives.</summary>
    internal string Data => Ready(data);

    /// <summary>What was imported into it: folders of credentials and workflows.</summary>
    internal string Imports => Path.Combine(Data, "import");

    /// <summary>Template 01.</summary>
    internal IntakeTemplates Intake => Ready(intake);

    /// <summary>The one that calls the sidecar with HTTP Request alone.</summary>
    internal IntakeTemplates PlainIntake => Ready(plainIntake);

    /// <summary>Where the sidecar of a credential is.</summary>
    internal Uri SidecarUrl(string credential) => credential switch
    {
        LeadScoringCredential.DownId => dead.Url,
        LeadScoringCredential.BusyId => Ready(failing).BusyUrl,
        LeadScoringCredential.StuckId => Ready(failing).StuckUrl,
        LeadScoringCredential.FakeId => Fake.Url,
        LeadScoringCredential.TemplateId => Sidecar.Url,
        _ => Proxy.Url,
    };

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
        failing = await FailingSidecar.StartAsync();
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
        Require(await Shell.RunAsync(Repository.N8nUp, ["start", data, $"{port}", Imports], StartLimit));
        client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await LogInAsync(client, data);
        foreach (var template in (Template[])[.. Intake.All, .. PlainIntake.All]) await PublishAsync(client, template.Id);
    }

    public async Task DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= StopNow;
        await Shell.RunAsync(Repository.N8nUp, ["stop", data], TimeSpan.FromMinutes(1));
        client?.Dispose();
        if (proxy is not null) await proxy.DisposeAsync();
        if (failing is not null) await failing.DisposeAsync();
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

    /// <summary>Posts to the community node's sidecar, an empty object unless something is given.</summary>
    internal async Task<JsonNode> PostToNodeSidecarAsync(string path, JsonNode? body = null)
    {
        using var client = new HttpClient { BaseAddress = NodeSidecar.Url };
        client.DefaultRequestHeaders.Add("X-API-Key", NodeSidecar.ApiKey);
        using var answer = await client.PostAsJsonAsync(path, body ?? new JsonObject());
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{path}: {await answer.Content.ReadAsStringAsync()}");
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
    }

    /// <summary>A credential for n8n's own API, with a key that may do everything.</summary>
    internal async Task<string> ApiCredentialAsync()
    {
        if (apiCredential is not null) return apiCredential;
        var scopes = (await Client.GetFromJsonAsync<JsonNode>("/rest/api-keys/scopes"))!["data"]!;
        using var key = await Client.PostAsJsonAsync("/rest/api-keys", new JsonObject { ["label"] = "tests", ["expiresAt"] = null, ["scopes"] = scopes.DeepClone() });
        var apiKey = (string)(await key.Content.ReadFromJsonAsync<JsonNode>())!["data"]!["rawApiKey"]!;
        using var made = await Client.PostAsJsonAsync("/rest/credentials", new { name = "n8n API", type = "n8nApi", data = new { apiKey, baseUrl = $"{Client.BaseAddress}api/v1" } });
        return apiCredential = (string)(await made.Content.ReadFromJsonAsync<JsonNode>())!["data"]!["id"]!;
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

    /// <summary>What n8n's own node descriptions say against workflow files; empty if nothing.</summary>
    internal async Task<string> CheckAsync(IEnumerable<string> files)
    {
        var said = await Shell.RunAsync(Repository.N8nUp, ["check", Ready(data), .. files], TimeSpan.FromMinutes(1));
        return Require(said).Output;
    }

    /// <summary>Opens workflows in the editor; what the canvas says of each, and a picture in its <c>Png</c>.</summary>
    internal async Task<JsonNode> PicturesAsync(IEnumerable<(string WorkflowId, string Png)> of)
    {
        var taken = await Shell.RunAsync(Repository.N8nUp, ["picture", Ready(data), .. of.SelectMany(one => (string[])[one.WorkflowId, one.Png])], TimeSpan.FromMinutes(5));
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

    /// <param name="data">The folder of the n8n that <paramref name="editor"/> calls.</param>
    internal static async Task LogInAsync(HttpClient editor, string data)
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
            using var asked = await editor.GetAsync(new Uri($"/rest/workflows/{workflowId}/publication-status", UriKind.Relative));
            // n8n 2.36 has published when it answers, and has no such status.
            if (asked.StatusCode == HttpStatusCode.NotFound) return;
            var publication = (await asked.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>())!["data"]!;
            if ((string?)publication["status"] == "published") return;
            if ((string?)publication["status"] == "failed" || waited.Elapsed > TimeSpan.FromSeconds(90))
                throw new InvalidOperationException($"{workflowId} is not live: {publication.ToJsonString()}");
            await Task.Delay(100);
        }
    }

    internal static ShellResult Require(ShellResult result) =>
        result.ExitCode == 0 ? result : throw new InvalidOperationException($"exit code {result.ExitCode}: {result.Errors}{result.Output}");

    private T Ready<T>(T? part) => missing is null ? part ?? throw new InvalidOperationException("n8n did not start.") : throw missing;

    private void WriteImports()
    {
        intake = new IntakeTemplates(
            Template.Load("01-lead-intake-score-route.json"),
            WithNode(Template.Load("01-lead-intake-score-route.json").WithIdAndPath("leadIntakeFaults", "lead-intake-faults"), LeadScoringCredential.FakeId, timeoutSeconds: 1.5),
            WithNode(Template.Load("01-lead-intake-score-route.json").WithIdAndPath("leadIntakeDown01", "lead-intake-down"), LeadScoringCredential.DownId, timeoutSeconds: 4));
        plainIntake = new IntakeTemplates(
            Template.Load(PlainHttp).WithSettings(("sidecar_url", Sidecar.Url.OriginalString)),
            Template.Load(PlainHttp).WithIdAndPath("plainIntakeFault", "plain-intake-faults")
                .WithSettings(("sidecar_url", Fake.Url.OriginalString), ("organization_id", Fake.OrganizationId), ("timeout_ms", 1500)),
            Template.Load(PlainHttp).WithIdAndPath("plainIntakeDown1", "plain-intake-down").WithSettings(("sidecar_url", dead.Url.OriginalString)));
        // The fake has a key of its own, so the workflow in front of it gets a credential of its own.
        PlainIntake.Faults.Node("Score the lead")["credentials"]!["httpHeaderAuth"]!["id"] = "fakeSidecarKey01";

        foreach (var template in (Template[])[.. Intake.All, .. PlainIntake.All]) Import("workflows", template.Id, template.Json);
        // All others as they come.
        foreach (var template in Template.Files.Select(Template.Load).Where(template => template.Id != Intake.Shipped.Id && template.Id != PlainIntake.Shipped.Id))
            Import("workflows", template.Id, template.Json);
        Import("credentials", "intake", HeaderCredential(Intake.Shipped.Node("Lead received"), IntakeHeader, IntakeKey));
        Import("credentials", "sidecar", HeaderCredential(PlainIntake.Shipped.Node("Score the lead"), "X-API-Key", Sidecar.ApiKey));
        Import("credentials", "fake", HeaderCredential(PlainIntake.Faults.Node("Score the lead"), "X-API-Key", Fake.ApiKey));
        Import("credentials", "crm", Credential(CrmCredential, "CRM API key", "httpHeaderAuth", new() { ["name"] = FakeCrm.Header, ["value"] = FakeCrm.Key }));
        Import("credentials", "forms", Credential("leadFormsLogin01", "Lead scoring forms", "httpBasicAuth", new() { ["user"] = FormsUser, ["password"] = FormsPassword }));
        // Its key is not known before n8n runs.
        Import("credentials", "n8n", Credential("leadScoringN8n01", "n8n API", "n8nApi", new() { ["apiKey"] = "none", ["baseUrl"] = "http://127.0.0.1/api/v1" }));
        foreach (var (id, sidecar) in ((string, ISidecar)[])[(LeadScoringCredential.TemplateId, Sidecar), (LeadScoringCredential.FakeId, Fake), .. LeadScoringCredential.Failing.Append(LeadScoringCredential.Id).Select(one => (one, NodeSidecar))])
            Import("credentials", id, LeadScoringCredential.Of(id, SidecarUrl(id), sidecar));
    }

    private static Template WithNode(Template template, string credential, double timeoutSeconds)
    {
        template.WithCredential(LeadScoringCredential.Type, credential).Node("Score the lead")["parameters"]!["options"]!["timeout"] = timeoutSeconds;
        return template;
    }

    private static JsonObject Credential(string id, string name, string type, JsonObject values) => new() { ["id"] = id, ["name"] = name, ["type"] = type, ["data"] = values };

    private void Import(string kind, string name, JsonObject json)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Imports, kind)).FullName;
        File.WriteAllText(Path.Combine(folder, $"{name}.json"), json.ToJsonString());
    }

    // Under the id that the template names, so that it works right after import.
    private static JsonObject HeaderCredential(JsonNode node, string header, string value)
    {
        var named = node["credentials"]!["httpHeaderAuth"]!;
        return Credential((string)named["id"]!, (string)named["name"]!, "httpHeaderAuth", new() { ["name"] = header, ["value"] = value });
    }

    private void StopNow(object? sender, EventArgs e) => Process.Start(Repository.N8nUp, ["stop", data]).WaitForExit();
}
