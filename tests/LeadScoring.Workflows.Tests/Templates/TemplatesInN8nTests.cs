using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;
using Xunit.Abstractions;

namespace LeadScoring.Workflows.Tests.Templates;

/// <summary>What a real n8n says of the templates: its node descriptions, and its editor.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class TemplatesInN8nTests(N8nServer n8n, ITestOutputHelper output)
{
    public static TheoryData<string> Files => [.. Template.Files];

    // In one go: reading the descriptions of all nodes takes longer than comparing.
    [ServerFact]
    public async Task Templates_AgainstNodeDescriptions_HaveNothingUnknownOrOutdated() =>
        Assert.Equal("", await n8n.CheckAsync(Template.Files.Select(file => Path.Combine(Repository.Workflows, file))));

    [ServerFact]
    public async Task Check_PlantedFaults_FindsThem()
    {
        var workflow = Template.Load("plain-http-lead-intake.json");
        workflow.Node("Score the lead")["typeVersion"] = 4.2;
        workflow.Node("Score the lead")["parameters"]!["options"]!["timeot"] = 5;
        workflow.Node("Lead received")["parameters"]!["authentication"] = "someAuth";
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, workflow.Json.ToJsonString());

        var complaints = await n8n.CheckAsync([file]);
        File.Delete(file);

        Assert.Contains("version 4.2, the newest is 4.5", complaints);
        Assert.Contains("unknown parameter options.timeot", complaints);
        Assert.Contains("\"someAuth\" is none of", complaints);
    }

    /// <summary>They were imported by n8n's command line, ids and credentials as the files say.</summary>
    [ServerTheory]
    [MemberData(nameof(Files))]
    public async Task Template_AsShipped_IsPublishedRightAfterImport(string file)
    {
        var id = Template.Load(file).Id;

        await N8nServer.PublishAsync(n8n.Client, id);

        var workflow = (await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/workflows/{id}"))!["data"]!;
        Assert.True((bool)workflow["active"]!);
        // Its schedules and triggers would run into other tests.
        if (id != n8n.Intake.Shipped.Id && id != n8n.PlainIntake.Shipped.Id)
            using (var answer = await n8n.Client.PostAsJsonAsync($"/rest/workflows/{id}/deactivate", new { })) answer.EnsureSuccessStatusCode();
    }

    /// <summary>With UPDATE_PICTURES=1 the pictures go into <c>workflows/pictures</c>, where the README shows it.</summary>
    [ServerFact]
    public async Task Editor_ShowsTheTemplates_EveryNodeKnownAndWithoutIssue()
    {
        var update = Environment.GetEnvironmentVariable("UPDATE_PICTURES") == "1";
        var folder = update ? Path.Combine(Repository.Workflows, "pictures") : Path.Combine(AppContext.BaseDirectory, "pictures");
        Directory.CreateDirectory(folder);
        var templates = Template.Files.Select(file => (Template: Template.Load(file), Png: Path.Combine(folder, Path.ChangeExtension(file, ".png")))).ToArray();

        var seen = await n8n.PicturesAsync(templates.Select(one => (one.Template.Id, one.Png)));
        output.WriteLine(folder);

        Assert.Empty(seen["strangers"]!.AsArray());
        foreach (var ((template, png), canvas) in templates.Zip(seen["canvases"]!.AsArray()))
        {
            var nodes = canvas!["nodes"]!.AsArray();
            Assert.Equal(template.Id, (string?)canvas["workflowId"]);
            Assert.Equal(template.Json["nodes"]!.AsArray().Count(node => (string?)node!["type"] != "n8n-nodes-base.stickyNote"), nodes.Count);
            Assert.Empty(nodes.Where(node => (bool)node!["issues"]! || (bool)node["unknown"]!).Select(node => $"{template.Id}: {node!["name"]}"));
            Assert.True(new FileInfo(png).Length > 20_000, $"{png} is next to empty.");
        }
    }
}
