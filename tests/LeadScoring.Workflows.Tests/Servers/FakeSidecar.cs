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
    private readonly ConcurrentDictionary<string, Func<HttpContext, Task>> others = new();
    private readonly ConcurrentQueue<JsonObject> requests = new();
    private readonly ConcurrentQueue<string> calls = new();
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
        app.MapPost("/v1/score", context => fake.HandleAsync(context, fake.ScoreAsync));
        app.MapPost("/v1/score/batch", context => fake.HandleAsync(context, fake.ScoreBatchAsync));
        app.MapFallback(context => fake.HandleAsync(context, fake.OtherAsync));
        await app.StartAsync();
        return fake;
    }

    /// <summary>What anything but scoring answers, by method and path; 404 where nothing was told.</summary>
    public void AnswersTo(string call, Func<HttpContext, Task> answer) => others[call] = answer;

    /// <summary>The first call gets 429, the second no answer for as long as the caller waits; then it answers.</summary>
    public static Func<HttpContext, Task> BusyThenLate(Func<HttpContext, Task> answer)
    {
        var count = 0;
        return context => Interlocked.Increment(ref count) switch
        {
            1 => FailingSidecar.BusyAsync(context, retryAfterSeconds: 1),
            2 => Task.Delay(Timeout.Infinite, context.RequestAborted),
            _ => answer(context),
        };
    }

    /// <summary>How often a call came that <see cref="AnswersTo"/> speaks of.</summary>
    public int CallsOf(string call) => calls.Count(one => one == call);

    public void Grades(string leadId, string grade, double score) =>
        Answers(leadId, context => context.Response.WriteAsJsonAsync(Scored(leadId, grade, score)));

    public void Rejects(string leadId, int status, string title, string detail, JsonArray? errors = null) => Answers(leadId, context =>
    {
        context.Response.StatusCode = status;
        var problem = new JsonObject { ["type"] = "/problems/fake", ["title"] = title, ["status"] = status, ["detail"] = detail };
        if (errors is not null) problem["errors"] = errors.DeepClone();
        return context.Response.WriteAsJsonAsync(problem, options: null, contentType: "application/problem+json");
    });

    public void Answers(string leadId, Func<HttpContext, Task> answer) => answers[leadId] = answer;

    public void NeverAnswers(string leadId) => Answers(leadId, context => Task.Delay(Timeout.Infinite, context.RequestAborted));

    /// <summary>The bodies received for one lead, oldest first.</summary>
    public IReadOnlyList<JsonObject> RequestsFor(string leadId) => [.. requests.Where(request => (string?)request["lead_id"] == leadId)];

    /// <summary>From here on only what comes next is remembered, and nothing has been told.</summary>
    public void Forget()
    {
        requests.Clear();
        calls.Clear();
        answers.Clear();
        others.Clear();
    }

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

    private async Task HandleAsync(HttpContext context, Func<HttpContext, Task> answer)
    {
        if (context.Request.Headers["X-API-Key"] != ApiKey)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        await answer(context);
    }

    private async Task ScoreAsync(HttpContext context) => await ScoreAsync(context, (await context.Request.ReadFromJsonAsync<JsonObject>(context.RequestAborted))!);

    private async Task ScoreAsync(HttpContext context, JsonObject item)
    {
        requests.Enqueue(item);
        var leadId = (string)item["lead_id"]!;
        if (answers.TryGetValue(leadId, out var answer)) await answer(context);
        else await context.Response.WriteAsJsonAsync(Scored(leadId, "B", 72.5));
    }

    // One lead alone: its answer becomes the first result, unless it is none.
    private async Task ScoreBatchAsync(HttpContext context)
    {
        var body = (await context.Request.ReadFromJsonAsync<JsonObject>(context.RequestAborted))!;
        var caller = context.Response.Body;
        using var written = new MemoryStream();
        context.Response.Body = written;
        await ScoreAsync(context, (JsonObject)body["items"]!.AsArray().Single()!.DeepClone());
        context.Response.Body = caller;
        var isScore = context.Response.StatusCode == StatusCodes.Status200OK && context.Response.ContentType?.StartsWith("application/json", StringComparison.Ordinal) == true && written.Length > 0;
        var text = System.Text.Encoding.UTF8.GetString(written.ToArray());
        if (isScore && JsonNode.Parse(text) is JsonObject score) text = new JsonObject { ["results"] = new JsonArray(new JsonObject { ["index"] = 0, ["result"] = score }) }.ToJsonString();
        context.Response.ContentLength = null;
        await context.Response.WriteAsync(text);
    }

    private Task OtherAsync(HttpContext context)
    {
        var call = $"{context.Request.Method} {context.Request.Path}";
        calls.Enqueue(call);
        if (others.TryGetValue(call, out var answer)) return answer(context);
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return context.Response.WriteAsJsonAsync(new { type = "/problems/unknown-route", title = "There is no such thing", status = 404 }, options: null, contentType: "application/problem+json");
    }
}
