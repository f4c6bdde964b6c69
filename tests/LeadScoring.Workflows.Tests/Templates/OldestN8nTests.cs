using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Templates;

/// <summary>The package and the templates in the oldest n8n that knows every node version they use.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class OldestN8nTests(N8nServer n8n)
{
    private const string Oldest = "--oldest";

    // A second n8n is 1 GB and a minute and a half of a core: nobody gets it who has not asked for it once, not even CI.
    private const string AskFor = "LEADSCORING_N8N_OLDEST";

    [ServerFact]
    public async Task Templates_ImportedIntoTheOldestN8n_ArePublishedAndScoreALead()
    {
        var import = n8n.Imports;
        var isAskedFor = Environment.GetEnvironmentVariable(AskFor) == "1";
        var installed = await Shell.RunAsync(Repository.N8nUp, [Oldest, isAskedFor ? "install" : "installed"], TimeSpan.FromMinutes(15));
        if (installed.ExitCode == N8nServer.PartMissing && !isAskedFor) throw new MissingPartException($"{installed.Errors.Trim()}; {AskFor}=1 installs it, once");
        N8nServer.Require(installed);

        var data = Directory.CreateTempSubdirectory("leadscoring-n8n-oldest-").FullName;
        try
        {
            var packages = Path.Combine(".n8n", "nodes", "node_modules");
            Directory.CreateDirectory(Path.Combine(data, packages));
            N8nServer.Require(await Shell.RunAsync("cp", ["-r", Path.Combine(n8n.Data, packages, "n8n-nodes-lead-scoring"), Path.Combine(data, packages)], TimeSpan.FromSeconds(10)));
            var port = Ports.FreePair();
            N8nServer.Require(await Shell.RunAsync(Repository.N8nUp, [Oldest, "start", data, $"{port}", import], TimeSpan.FromMinutes(6)));
            using var editor = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            await N8nServer.LogInAsync(editor, data);
            var templates = Template.Files.Select(Template.Load).ToArray();

            var complaints = await Shell.RunAsync(Repository.N8nUp, [Oldest, "check", data, .. Template.Files.Select(file => Path.Combine(Repository.Workflows, file))], TimeSpan.FromMinutes(1));
            // Unknown nodes, versions that it does not have and parameters that are missing are refused here; 02 and 07 register with the sidecar.
            await Task.WhenAll(templates.Select(template => N8nServer.PublishAsync(editor, template.Id)));
            using var request = new HttpRequestMessage(HttpMethod.Post, "/webhook/lead-intake") { Content = JsonContent.Create(new { lead_id = "oldest-1", lead = new { website_sessions = 9 } }) };
            request.Headers.Add(N8nServer.IntakeHeader, N8nServer.IntakeKey);
            using var answer = await editor.SendAsync(request);
            // Nothing when the execution failed before its answer.
            var text = await answer.Content.ReadAsStringAsync();
            var body = text.Length > 0 ? JsonNode.Parse(text) : null;

            Assert.Equal("", N8nServer.Require(complaints).Output);
            Assert.Equal((200, "ensemble"), ((int)answer.StatusCode, (string?)body?["scored_by"]));
            Assert.Equal((string?)body!["grade"], (string?)(await n8n.AskSidecarAsync("/v1/leads/oldest-1"))["grade"]);
            // Its triggers take themselves off the sidecar's list.
            foreach (var template in templates)
                using (var unpublished = await editor.PostAsJsonAsync($"/rest/workflows/{template.Id}/deactivate", new { })) unpublished.EnsureSuccessStatusCode();
            Assert.DoesNotContain((await n8n.AskSidecarAsync("/v1/webhooks"))["webhooks"]!.AsArray(), webhook => ((string)webhook!["url"]!).Contains($":{port}/", StringComparison.Ordinal));
        }
        finally
        {
            await Shell.RunAsync(Repository.N8nUp, [Oldest, "stop", data], TimeSpan.FromMinutes(1));
            Directory.Delete(data, recursive: true);
        }
    }
}
