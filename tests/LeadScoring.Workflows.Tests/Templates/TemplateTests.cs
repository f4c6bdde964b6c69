using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Templates;

/// <summary>Every workflow file keeps the rules, and the rules find what they are there to find. Needs no server.</summary>
public sealed class TemplateTests
{
    private static readonly Dictionary<string, double> Versions = JsonSerializer.Deserialize<Dictionary<string, double>>(
        File.ReadAllText(Path.Combine(Path.GetDirectoryName(Repository.N8nUp)!, "node-versions.json")))!;

    // Has a node of every kind that the faults below are planted in.
    private const string PlainHttp = "plain-http-lead-intake.json";

    public static TheoryData<string> Files => [.. Template.Files];

    [Theory]
    [MemberData(nameof(Files))]
    public void Template_AsShipped_KeepsTheRules(string file) =>
        Assert.Empty(TemplateRules.Complaints(Template.Load(file).Json, Versions));

    [Theory]
    [MemberData(nameof(Files))]
    public void Template_AsShipped_IsInTheReadmeWithItsPicture(string file)
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Workflows, "README.md"));
        var picture = $"pictures/{Path.GetFileNameWithoutExtension(file)}.png";

        Assert.Contains($"({file})", readme);
        Assert.Contains($"({picture})", readme);
        Assert.True(File.Exists(Path.Combine(Repository.Workflows, picture)), $"{picture}: make it with UPDATE_PICTURES=1");
    }

    [Fact]
    public void Template_Settings_PointAtASidecarOnThisMachine()
    {
        var settings = Template.Load(PlainHttp).Node("Settings")["parameters"]!["assignments"]!["assignments"]!.AsArray();

        Assert.Equal("http://127.0.0.1:5080", (string?)settings.Single(one => (string?)one!["name"] == "sidecar_url")!["value"]);
    }

    [Theory]
    [InlineData("looks like a secret", "Settings", """{"parameters":{"token":"sk-live-0123456789"}}""")]
    [InlineData("looks like a secret", "Settings", """{"parameters":{"token":"0123456789abcdef0123456789abcdef"}}""")]
    [InlineData("reads $env", "Settings", """{"parameters":{"url":"={{ $env.SIDECAR }}"}}""")]
    [InlineData("more or less than an id and a name", "Lead received", """{"credentials":{"httpHeaderAuth":{"id":"a","name":"b","data":{}}}}""")]
    [InlineData("cannot read", "Settings", """{"parameters":{"text":"={{ `at ${$json.a?.b}` }}"}}""")]
    [InlineData("the oldest n8n cannot read", "Settings", """{"parameters":{"text":"={{ { ...$json, b: 1 } }}"}}""")]
    [InlineData("names no credential", "Lead received", """{"credentials":{}}""")]
    [InlineData("lets everybody in", "Lead received", """{"parameters":{"path":"x"}}""")]
    [InlineData("lets everybody in", "Lead received", """{"parameters":{"authentication":"none"}}""")]
    [InlineData("has no timeout", "Score the lead", """{"parameters":{"options":{}}}""")]
    [InlineData("does not try again", "Score the lead", """{"retryOnFail":false}""")]
    [InlineData("uses no credential", "Score the lead", """{"credentials":{}}""")]
    [InlineData("has no sample data", "Lead received", """{"name":"Received"}""")]
    [InlineData("lies across the edge", "Settings", """{"position":[208,-272]}""")]
    [InlineData("typeVersion 1", "Settings", """{"typeVersion":1}""")]
    [InlineData("not among the tested node types", "Settings", """{"type":"n8n-nodes-nowhere.mystery"}""")]
    [InlineData("nodes have the name", "Settings", """{"name":"Score the lead"}""")]
    [InlineData("nodes have the id", "Settings", """{"id":""}""")]
    [InlineData("which is not there", "Settings", """{"name":"Set-up"}""")]
    [InlineData("is never reached", "Settings", """{"name":"Set-up"}""")]
    [InlineData("overlap", "Settings", """{"position":[0,16]}""")]
    [InlineData("off the grid", "Settings", """{"position":[209,0]}""")]
    public void Complaints_PlantedFaultInANode_FindsIt(string complaint, string node, string change)
    {
        var workflow = Template.Load(PlainHttp);
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) workflow.Node(node)[name] = value!.DeepClone();

        Assert.Contains(TemplateRules.Complaints(workflow.Json, Versions), one => one.Contains(complaint, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("has no id", """{"id":"1"}""")]
    [InlineData("is active", """{"active":true}""")]
    [InlineData("has pinned data", """{"pinData":{"Score the lead":[]}}""")]
    [InlineData("has no sample data", """{"pinData":{}}""")]
    [InlineData("names no error workflow", """{"settings":{"errorWorkflow":"someOtherOne0001"}}""")]
    [InlineData("has static data", """{"staticData":{}}""")]
    [InlineData("error output leads nowhere", """{"connections":{}}""")]
    public void Complaints_PlantedFaultInTheWorkflow_FindsIt(string complaint, string change)
    {
        var workflow = Template.Load(PlainHttp).Json;
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject()) workflow[name] = value!.DeepClone();

        Assert.Contains(TemplateRules.Complaints(workflow, Versions), one => one.Contains(complaint, StringComparison.Ordinal));
    }

    [Fact]
    public void Complaints_CallThatStopsAWorkflowNobodyWatches_FindsIt()
    {
        var workflow = Template.Load(PlainHttp);
        workflow.Node("Score the lead")["onError"] = "stopWorkflow";
        workflow.Json["settings"]!.AsObject().Remove("errorWorkflow");

        Assert.Contains("'Score the lead' has no way out for errors", TemplateRules.Complaints(workflow.Json, Versions));
    }

    [Fact]
    public void Complaints_NodeThatHardlyWaits_FindsIt()
    {
        var workflow = Template.Load("04-daily-outcome-collection.json");
        workflow.Node("Record the outcomes")["parameters"]!["options"]!["timeout"] = 1.0;

        Assert.Contains(TemplateRules.Complaints(workflow.Json, Versions), one => one.StartsWith("'Record the outcomes' gives up too soon", StringComparison.Ordinal));
    }

    [Fact]
    public void Complaints_NotesThatOverlap_FindsThem()
    {
        var workflow = Template.Load(PlainHttp);
        workflow.Node("Note: 2 score")["position"] = new JsonArray(912, -224);

        Assert.Contains("'Note: 1 receive and check' and 'Note: 2 score' overlap", TemplateRules.Complaints(workflow.Json, Versions));
    }

    [Fact]
    public void ErrorWorkflow_NamedByTheOthers_IsTheTemplateWithTheErrorTrigger() =>
        Assert.Equal("deadLetterStore1", Template.Files.Select(Template.Load).Single(template => template.Nodes("n8n-nodes-base.errorTrigger").Any()).Id);

    [Fact]
    public void Complaints_NoStickyNote_FindsIt()
    {
        var workflow = Template.Load(PlainHttp).Json;
        workflow["nodes"]!.AsArray().RemoveAll(node => (string?)node!["type"] == "n8n-nodes-base.stickyNote");

        Assert.Contains("has no sticky note to explain it", TemplateRules.Complaints(workflow, Versions));
    }
}
