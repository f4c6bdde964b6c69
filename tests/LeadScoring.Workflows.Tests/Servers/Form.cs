using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>The form of a published copy, filled in as a browser does it.</summary>
internal sealed partial class Form(N8nServer n8n, Copy copy, string trigger)
{
    private readonly JsonArray fields = copy.Template.Node(trigger)["parameters"]!["formFields"]!["values"]!.AsArray();

    /// <summary>The page; the status alone says whether somebody is let in.</summary>
    public async Task<(int Status, string Html)> OpenAsync(string query = "", string? password = N8nServer.FormsPassword)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Path + query);
        request.Headers.Authorization = Basic(password);
        using var answer = await n8n.Client.SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Sends the fields by name, and gives what the person reads in the end; null where the execution failed.</summary>
    public async Task<(int Status, string? Page)> SendAsync(JsonObject values, string? password = N8nServer.FormsPassword)
    {
        using var content = new MultipartFormDataContent();
        foreach (var (name, value) in values)
        {
            var part = new StringContent((string)value!);
            // A part that has a type is a file.
            part.Headers.ContentType = null;
            content.Add(part, $"\"field-{fields.IndexOf(fields.Single(field => (string?)field!["fieldName"] == name))}\"");
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = content };
        request.Headers.Authorization = Basic(password);
        using var answer = await n8n.Client.SendAsync(request);
        if (!answer.IsSuccessStatusCode) return ((int)answer.StatusCode, null);
        var next = new Uri((string)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["formWaitingUrl"]!);
        var state = "";
        await Until.SoAsync(async () => (state = await n8n.Client.GetStringAsync(new Uri($"{next.GetLeftPart(UriPartial.Path)}/n8n-execution-status{next.Query}"))) is not ("running" or "new" or "null"));
        return (200, state == "form-waiting" ? Tags().Replace(await n8n.Client.GetStringAsync(next), " ") : null);
    }

    private string Path => $"/form/{copy.Template.Node(trigger)["parameters"]!["options"]!["path"]}";

    private static AuthenticationHeaderValue? Basic(string? password) =>
        password is null ? null : new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{N8nServer.FormsUser}:{password}")));

    [GeneratedRegex("<style.*?</style>|<script.*?</script>|<[^>]*>", RegexOptions.Singleline)]
    private static partial Regex Tags();
}
