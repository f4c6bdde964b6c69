using LeadScoring.Workflows.Tests.Servers;
using Xunit.Abstractions;

namespace LeadScoring.Workflows.Tests.Templates;

/// <summary>What a real n8n says of the templates: its node descriptions, and its editor.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class TemplatesInN8nTests(N8nServer n8n, ITestOutputHelper output)
{
    public static TheoryData<string> Files => [.. Template.Files];

    [ServerTheory]
    [MemberData(nameof(Files))]
    public async Task Template_AgainstNodeDescriptions_HasNothingUnknownOrOutdated(string file) =>
        Assert.Equal("", await n8n.CheckAsync(Path.Combine(Repository.Workflows, file)));

    [ServerFact]
    public async Task Check_PlantedFaults_FindsThem()
    {
        var workflow = Template.Load("01-lead-intake-score-route.json");
        workflow.Node("Score the lead")["typeVersion"] = 4.2;
        workflow.Node("Score the lead")["parameters"]!["options"]!["timeot"] = 5;
        workflow.Node("Lead received")["parameters"]!["authentication"] = "someAuth";
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, workflow.Json.ToJsonString());

        var complaints = await n8n.CheckAsync(file);
        File.Delete(file);

        Assert.Contains("version 4.2, the newest is 4.5", complaints);
        Assert.Contains("unknown parameter options.timeot", complaints);
        Assert.Contains("\"someAuth\" is none of", complaints);
    }

    /// <summary>With UPDATE_PICTURES=1 the picture goes into <c>workflows/pictures</c>, where the README shows it.</summary>
    [ServerFact]
    public async Task Editor_ShowsTheTemplate_EveryNodeKnownAndWithoutIssue()
    {
        var update = Environment.GetEnvironmentVariable("UPDATE_PICTURES") == "1";
        var folder = update ? Path.Combine(Repository.Workflows, "pictures") : Path.Combine(AppContext.BaseDirectory, "pictures");
        var png = Path.Combine(Directory.CreateDirectory(folder).FullName, "01-lead-intake-score-route.png");

        var canvas = await n8n.PictureAsync(n8n.Intake, png);
        output.WriteLine(png);

        var nodes = canvas["nodes"]!.AsArray();
        Assert.Equal(n8n.Intake.Json["nodes"]!.AsArray().Count(node => (string?)node!["type"] != "n8n-nodes-base.stickyNote"), nodes.Count);
        Assert.Empty(nodes.Where(node => (bool)node!["issues"]! || (bool)node["unknown"]!).Select(node => (string)node!["name"]!));
        Assert.Empty(canvas["strangers"]!.AsArray());
        Assert.True(new FileInfo(png).Length > 20_000, "The picture is next to empty.");
    }
}
