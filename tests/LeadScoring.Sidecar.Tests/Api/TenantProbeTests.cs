using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Storage;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>
/// Every operation of the contract, called by an organization with the ids of another one of which there is a row in every table. An operation that is added is probed by itself; if it takes ids or a body that cannot be made here, the test says so.
/// </summary>
public sealed partial class TenantProbeTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = new();
    private PlantedTenant planted = null!;
    private TestOrganization mine = null!;

    /// <summary>Parameters of paths that are not called like the column they stand for.</summary>
    private static readonly Dictionary<string, string> Columns = new() { ["a"] = "version", ["b"] = "version" };

    /// <summary>Parameters of paths that stand for something that all organizations have in common, and an example.</summary>
    private static readonly Dictionary<(string Operation, string Parameter), string> Common = new() { [("RunJob", "name")] = "retrain", [("PutJobSchedule", "name")] = "retrain", [("DeleteJobSchedule", "name")] = "retrain", [("PutModelAlias", "alias")] = "shadow", [("DeleteModelAlias", "alias")] = "shadow" };

    private const string Theirs = "their-organization";

    /// <summary>Names of connected accounts are settings: this one is the other organization's.</summary>
    private const string TheirConnector = "elsewhere";

    /// <summary>Bodies that are let through to the look-up, where the schema alone does not make one. Lead ids and the like are filled in.</summary>
    private static readonly Dictionary<string, string> Bodies = new()
    {
        ["CreateKey"] = """{"name":"probe","scope":"score"}""",
        ["PutSampling"] = """{"exploration_share":0.01}""",
        ["PutGates"] = """{"auto_deploy":false}""",
        ["PostOutcomes"] = """{"outcomes":[{"lead_id":"{lead_id}","source":"probe","converted":true,"occurred_at":"2026-05-01T00:00:00Z"}]}""",
        ["PutLead"] = """{"attributes":{"age":40}}""",
        ["PutLeads"] = """{"leads":[{"lead_id":"{lead_id}","attributes":{"age":40}}]}""",
        ["PostEvents"] = """{"events":[{"lead_id":"{lead_id}","type":"page_view","source":"web","occurred_at":"2026-05-01T00:00:00Z"}]}""",
        ["PutModelAlias"] = """{"version":{version}}""",
        ["StartExperiment"] = """{"name":"probe","challenger":{version},"kind":"shadow"}""",
        ["ForecastExperiment"] = """{"kind":"shadow"}""",
        ["ScoreLead"] = """{"lead_id":"{lead_id}","include_factors":true}""",
        ["ScoreLeads"] = """{"items":[{"lead_id":"{lead_id}"}]}""",
        ["PutGrades"] = """{"mode":"fixed"}""",
        ["PreviewGrades"] = """{"mode":"fixed"}""",
        ["WhatIf"] = """{"lead":{"age":50}}""",
        ["PostActions"] = """{"action_id":"call","by":"probe"}""",
        ["StartTraining"] = "{}",
        ["PutJobSchedule"] = """{"schedule":"0 30 2 * * ?"}""",
        ["LiftErasure"] = """{"reason":"probe"}""",
        ["PostFeedback"] = """{"feedback":[{"lead_id":"{lead_id}","verdict":"too_high","by":"probe"}]}""",
        ["PostReview"] = """{"verdict":"agree","by":"probe"}""",
        ["PutOverride"] = """{"grade":"A","reason":"probe","by":"probe"}""",
        ["CreateWebhook"] = """{"url":"https://example.com/","events":["grade.changed"]}""",
        ["PutWebhook"] = """{"url":"https://example.com/","events":["grade.changed"]}""",
    };

    /// <summary>Not JSON: a file, without ids in it.</summary>
    private static readonly string[] Files = ["ImportModel", "StartExternalTraining", "PostImport"];

    private sealed record Operation(string Name, HttpMethod Method, string Path, string[] PathParameters, string[] QueryParameters, bool TakesJson, ApiScope? Scope);

    public async Task InitializeAsync()
    {
        foreach (var (name, value) in new[] { ("Vendor", "hubspot"), ("Organization", Theirs), ("BaseUrl", "http://127.0.0.1:1/"), ("Token", "canary-secret-token"), ("ClientSecret", "canary-secret-client") })
            sidecar.Settings[$"LeadScoring:Connectors:{TheirConnector.ToUpperInvariant()}:{name}"] = value;
        await sidecar.InitializeAsync();
        planted = await PlantedTenant.PlantAsync(sidecar.Get<Database>(), Theirs);
        mine = await sidecar.NewOrganizationAsync();
        await mine.PutLeadAsync("own-1", new { age = 40 });
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    [Fact]
    public async Task Operations_OtherOrganizationsIds_AreNotThere()
    {
        var before = await planted.FingerprintAsync();
        var faults = new List<string>();
        var probed = 0;
        foreach (var operation in Operations())
        {
            if (operation.Scope is null) continue;
            probed++;
            var theirs = await CallAsync(operation, mine.Client, planted.Values, operation.Name);
            var nowhere = await CallAsync(operation, mine.Client, planted.Nowhere, operation.Name);
            if (theirs.Body.Contains(PlantedTenant.Canary, StringComparison.Ordinal)) faults.Add($"{operation.Name} shows what is another organization's: {theirs.Body}");
            if (theirs.Body.Contains(PlantedTenant.CanaryNumber, StringComparison.Ordinal) && !operation.PathParameters.Any(p => Column(p) == "version") && !Bodies.GetValueOrDefault(operation.Name, "").Contains("{version}", StringComparison.Ordinal)) faults.Add($"{operation.Name} shows a number of another organization: {theirs.Body}");
            var sendsIds = operation.PathParameters.Any(p => !Common.ContainsKey((operation.Name, p))) || operation.QueryParameters.Any(q => IsId(q) && planted.Values.ContainsKey(q)) || (operation.Name != "PutProfile" && Placeholder.IsMatch(Bodies.GetValueOrDefault(operation.Name, "")));
            if (sendsIds && (theirs.Status, theirs.Masked) != (nowhere.Status, nowhere.Masked)) faults.Add($"{operation.Name} tells what exists elsewhere ({theirs.Status} {theirs.Masked}) from what exists nowhere ({nowhere.Status} {nowhere.Masked})");
            if ((int)theirs.Status >= 500) faults.Add($"{operation.Name}: {theirs.Status} {theirs.Body}");
            if (theirs.Status == HttpStatusCode.BadRequest && !Files.Contains(operation.Name)) faults.Add($"{operation.Name} refuses the probe before it looks for anything, so nothing was tested. Add what it takes to Bodies, or its parameter to Common: {theirs.Body}");
            // What it makes is its own: whoever takes an id of another one's lead for a new lead has a lead of his own.
            if (operation.PathParameters.Any(p => !Common.ContainsKey((operation.Name, p))) && operation.Method == HttpMethod.Get && theirs.Status != HttpStatusCode.NotFound) faults.Add($"GET {operation.Path} answers {theirs.Status} for what is another organization's: {theirs.Body}");
            if (operation.Method == HttpMethod.Put && operation.Name == "PutLead") Assert.Equal(HttpStatusCode.OK, theirs.Status);
            await ForgetAsync(operation);
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults.Select(f => f.Length > 600 ? f[..600] : f)));
        Assert.True(probed > 80, $"Only {probed} operations?");
        Assert.Equal(before, await planted.FingerprintAsync());
    }

    [Fact]
    public async Task Operations_WithoutGoodKey_Are401()
    {
        var stranger = sidecar.With(ApiKey.Create());
        foreach (var operation in Operations().Where(o => o.Scope is not null))
        {
            foreach (var client in (HttpClient[])[sidecar.Anonymous(), stranger])
            {
                var (status, body, _) = await CallAsync(operation, client, planted.Values, operation.Name);
                Assert.True(status == HttpStatusCode.Unauthorized, $"{operation.Name}: {status} {body}");
            }
        }
    }

    [Theory]
    [InlineData(ApiScope.Score)]
    [InlineData(ApiScope.Write)]
    public async Task Operations_SmallerScope_Are403(ApiScope scope)
    {
        var small = await mine.WithScopeAsync(scope);
        foreach (var operation in Operations().Where(o => o.Scope > scope))
        {
            var (status, body, _) = await CallAsync(operation, small.Client, planted.Values, operation.Name);
            Assert.True(status == HttpStatusCode.Forbidden, $"{operation.Name}: {status} {body}");
        }
    }

    [Fact]
    public async Task Operations_OrganizationOfAnother_Are403()
    {
        foreach (var operation in Operations().Where(o => o.Scope is not null))
        {
            var (status, body, _) = await CallAsync(operation, mine.Client, planted.Values, operation.Name, ("organization_id", planted.OrganizationId));
            Assert.True(status == HttpStatusCode.Forbidden, $"{operation.Name}: {status} {body}");
        }
    }

    /// <summary>Webhooks of vendors have no key: without a signature nothing is taken, and the account need not be known.</summary>
    [Fact]
    public async Task Inbound_WithoutSignature_IsRefusedAlike()
    {
        foreach (var operation in Operations().Where(o => o.Scope is null && o.Path.StartsWith("/v1/", StringComparison.Ordinal)))
        {
            var theirs = await CallAsync(operation, sidecar.Anonymous(), planted.Values, operation.Name);
            Assert.True(theirs.Status is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound, $"{operation.Name}: {theirs.Status} {theirs.Body}");
            Assert.DoesNotContain(PlantedTenant.Canary, theirs.Body);
        }
    }

    /// <summary>The same request under the same key of another organization is another request.</summary>
    [Fact]
    public async Task IdempotencyKey_OfAnother_IsFree()
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "/v1/leads/own-2") { Content = new StringContent("""{"attributes":{"age":40}}""", Encoding.UTF8, "application/json") };
        request.Headers.Add(Idempotency.Header, planted.Values["idempotency_key"]);
        using var response = await mine.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.False(response.Headers.Contains(Idempotency.ReplayedHeader));
    }

    /// <summary>Both are one and the same look-up by organization and id, without a row: a median that differed by half would be another way through the code.</summary>
    [Theory]
    [InlineData("/v1/leads/", "lead_id")]
    [InlineData("/v1/experiments/", "experiment_id")]
    public async Task Timing_ElsewhereAndNowhere_IsAlike(string path, string column)
    {
        double[] elsewhere = new double[150], nowhere = new double[150];
        for (var i = -20; i < elsewhere.Length; i++)
        {
            foreach (var (times, id) in ((double[], string)[])[(elsewhere, planted.Values[column]), (nowhere, planted.Nowhere[column])])
            {
                var since = Stopwatch.GetTimestamp();
                using var response = await mine.Client.GetAsync(path + id);
                if (i >= 0) times[i] = Stopwatch.GetElapsedTime(since).TotalMicroseconds;
            }
        }

        Array.Sort(elsewhere);
        Array.Sort(nowhere);
        Assert.InRange(elsewhere[75] / nowhere[75], 0.5, 2);
    }

    /// <summary>The probes would find a query that forgot its condition: the canaries are where such a query would find them.</summary>
    [Fact]
    public async Task Planted_EveryTenantTable_HasItsRow()
    {
        Assert.True(planted.Tables.Count > 40, string.Join(' ', planted.Tables));
        Assert.Contains("leads", planted.Tables);
        var (_, body) = await CallBareAsync(HttpMethod.Get, "/v1/leads");
        Assert.DoesNotContain(PlantedTenant.Canary, body);
    }

    private async Task<(HttpStatusCode Status, string Body)> CallBareAsync(HttpMethod method, string path)
    {
        using var response = await mine.Client.SendAsync(new HttpRequestMessage(method, path));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>What a call with their id made of its own, so that the one with an id that is nowhere finds the same.</summary>
    private async Task ForgetAsync(Operation operation)
    {
        if (operation.Method == HttpMethod.Get || operation.Scope is null) return;
        foreach (var values in (IReadOnlyDictionary<string, string>[])[planted.Values, planted.Nowhere])
        {
            using var gone = await mine.Client.DeleteAsync("/v1/leads/" + Uri.EscapeDataString(values["lead_id"]));
            if (gone.StatusCode != HttpStatusCode.OK) continue;
            // Else the next call would be told that the person was erased.
            var receipt = JsonDocument.Parse(await gone.Content.ReadAsStringAsync()).RootElement.GetProperty("receipt").GetProperty("erasure_id").GetString();
            using var lifted = await mine.Client.PostAsync($"/v1/erasures/{receipt}/lift", new StringContent("""{"reason":"probe"}""", Encoding.UTF8, "application/json"));
            Assert.Equal(HttpStatusCode.OK, lifted.StatusCode);
        }
    }

    private async Task<(HttpStatusCode Status, string Body, string Masked)> CallAsync(Operation operation, HttpClient client, IReadOnlyDictionary<string, string> values, string name, params (string Name, string Value)[] query)
    {
        var path = PathParameter.Replace(operation.Path, m => Uri.EscapeDataString(Value(name, m.Groups[1].Value, values)));
        var all = query.Concat(operation.QueryParameters.Where(q => IsId(q) && values.ContainsKey(q)).Select(q => (q, values[q]))).Concat(name switch
        {
            "GetCounterfactual" => [("grade", "A")],
            "PostImport" => [("kind", "leads")],
            _ => Array.Empty<(string, string)>(),
        }).Select(q => $"{q.Item1}={Uri.EscapeDataString(q.Item2)}").ToArray();
        if (all.Length > 0) path += "?" + string.Join('&', all);
        using var request = new HttpRequestMessage(operation.Method, path);
        if (operation.TakesJson)
        {
            var body = name == "PutProfile" ? JsonSerializer.Serialize(new { yaml = ProfileStore.Default.Yaml }) : Bodies.GetValueOrDefault(name);
            Assert.True(body is not null, $"{name} takes a body that is not known here. Add one to Bodies that it accepts, with ids as {{lead_id}} and the like.");
            request.Content = new StringContent(name == "PutProfile" ? body! : Placeholder.Replace(body!, m => values[m.Groups[1].Value]), Encoding.UTF8, "application/json");
        }
        else if (Files.Contains(name))
        {
            request.Content = new StringContent("lead_id,age\nown-3,40\n");
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(name == "PostImport" ? "text/csv" : "application/zip");
        }

        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseContentRead);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text, Mask(text, values));
    }

    private static bool IsId(string parameter) => parameter.EndsWith("_id", StringComparison.Ordinal);

    private static string Column(string parameter) => Columns.GetValueOrDefault(parameter) ?? Upper.Replace(parameter, m => "_" + m.Value.ToLowerInvariant());

    private static string Value(string operation, string parameter, IReadOnlyDictionary<string, string> values)
    {
        if (Common.TryGetValue((operation, parameter), out var common)) return common;
        if (parameter is "name" or "connector") return values["connector"];
        Assert.True(values.ContainsKey(Column(parameter)), $"{operation}: no table has a column {Column(parameter)} to plant an id in. Name the column of {{{parameter}}} in Columns, or what all organizations have in common in Common.");
        return values[Column(parameter)];
    }

    /// <summary>An answer without what differs from call to call: the id that was sent, moments, ids that were made, durations.</summary>
    private static string Mask(string text, IReadOnlyDictionary<string, string> values)
    {
        foreach (var value in values.Values.Where(v => v.Length > 5).OrderByDescending(v => v.Length)) text = text.Replace(value, "ID", StringComparison.Ordinal);
        return Made.Replace(Moments.Replace(text, "AT"), "NEW");
    }

    private static IEnumerable<Operation> Operations()
    {
        var document = JsonElement.Parse(File.ReadAllText(Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar/openapi.json"))));
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                string[] Parameters(string where) => operation.Value.TryGetProperty("parameters", out var all) ? [.. all.EnumerateArray().Where(p => p.Text("in") == where).Select(p => p.Text("name")!)] : [];
                var scope = ScopeNeeded.Match(operation.Value.Text("description") ?? "");
                yield return new Operation(
                    operation.Value.Text("operationId")!, new HttpMethod(operation.Name.ToUpperInvariant()), path.Name, Parameters("path"), Parameters("query"),
                    operation.Value.TryGetProperty("requestBody", out var body) && body.GetProperty("content").TryGetProperty("application/json", out _), scope.Success ? Enum.Parse<ApiScope>(scope.Groups[1].Value, ignoreCase: true) : null);
            }
        }
    }

    [GeneratedRegex("Needs scope (score|write|admin)")]
    private static partial Regex ScopeNeeded { get; }

    [GeneratedRegex(@"\{([^}]+)\}")]
    private static partial Regex PathParameter { get; }

    [GeneratedRegex(@"\{([a-z_]+)\}")]
    private static partial Regex Placeholder { get; }

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Upper { get; }

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[\d:.]+Z")]
    private static partial Regex Moments { get; }

    [GeneratedRegex(@"[0-9a-f]{32}|lsk_\w+|""key_id"":""\w+""|whsec_[\w+/=]+|""[a-z_]*(?:ms|seconds|duration_ms)"":[\d.]+")]
    private static partial Regex Made { get; }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
