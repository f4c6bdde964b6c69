using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>
/// Stands in for the sidecar where the real one cannot be made to misbehave: it answers for each lead what a test has
/// told it to (grade B if it was told nothing), and remembers what it was sent.
/// </summary>
internal sealed class FakeSidecar : ISidecar
{
    private readonly ConcurrentDictionary<string, Func<HttpContext, Task>> answers = new();
    private readonly ConcurrentQueue<JsonObject> requests = new();
    private readonly WebApplication app;

    private FakeSidecar(WebApplication app) => this.app = app;

    public Uri Url => new(app.Urls.Single());

    public string ApiKey => "fake-sidecar-key";

    public string OrganizationId => "acme";

    public static async Task<FakeSidecar> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var fake = new FakeSidecar(app);
        app.MapPost("/v1/score", fake.HandleAsync);
        await app.StartAsync();
        return fake;
    }

    public void Grades(string leadId, string grade, double score) =>
        Answers(leadId, context => context.Response.WriteAsJsonAsync(Scored(leadId, grade, score)));

    public void Rejects(string leadId, int status, string title, string detail, JsonObject? errors = null) => Answers(leadId, context =>
    {
        context.Response.StatusCode = status;
        var problem = new JsonObject { ["type"] = "urn:problem:fake", ["title"] = title, ["status"] = status, ["detail"] = detail };
        if (errors is not null) problem["errors"] = errors.DeepClone();
        return context.Response.WriteAsJsonAsync(problem, options: null, contentType: "application/problem+json");
    });

    public void Answers(string leadId, Func<HttpContext, Task> answer) => answers[leadId] = answer;

    public void NeverAnswers(string leadId) => Answers(leadId, context => Task.Delay(Timeout.Infinite, context.RequestAborted));

    /// <summary>The bodies received for one lead, oldest first.</summary>
    public IReadOnlyList<JsonObject> RequestsFor(string leadId) => [.. requests.Where(request => (string?)request["lead_id"] == leadId)];

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private static JsonObject Scored(string leadId, string grade, double score) => new()
    {
        ["lead_id"] = leadId,
        ["score"] = score,
        ["grade"] = grade,
        ["conversion_probability"] = score / 100,
        ["confidence"] = 0.83,
        ["factors"] = new JsonObject
        {
            ["positive"] = new JsonArray(new JsonObject { ["feature"] = "email_opens", ["label"] = "E-mail opens", ["value"] = 0.4, ["points"] = 12.5, ["group"] = "engagement" }),
            ["negative"] = new JsonArray(),
        },
        ["recommendations"] = new JsonObject { ["next_best_action"] = "call_now", ["optimal_contact_time"] = "2026-02-02T09:00:00Z", ["channel_preference"] = "phone" },
        ["updated_at"] = "2026-01-31T09:30:00Z",
        ["model_version"] = "fake-1",
        ["scored_by"] = "model",
        ["needs_review"] = false,
        ["cached"] = false,
    };

    private async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Headers["X-API-Key"] != ApiKey)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        var body = (await context.Request.ReadFromJsonAsync<JsonObject>(context.RequestAborted))!;
        requests.Enqueue(body);
        var leadId = (string)body["lead_id"]!;
        if (answers.TryGetValue(leadId, out var answer)) await answer(context);
        else await context.Response.WriteAsJsonAsync(Scored(leadId, "B", 72.5));
    }
}
