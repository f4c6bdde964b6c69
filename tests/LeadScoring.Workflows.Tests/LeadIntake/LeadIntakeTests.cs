using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Workflows.Tests.LeadIntake;

/// <summary>Template 01, with the community node.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class LeadIntakeTests(N8nServer n8n) : IntakeTests(n8n)
{
    private protected override IntakeTemplates Intake => N8n.Intake;

    // The node names the lead in each event, and the organization in the address.
    private protected override JsonObject Expected(JsonObject lead, JsonArray events)
    {
        events[0]!["lead_id"] = "with-events";
        return new() { ["lead_id"] = "with-events", ["scoring_type"] = "full", ["include_factors"] = true, ["lead"] = lead, ["events"] = events };
    }
}

/// <summary>The template with HTTP Request alone.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class PlainHttpIntakeTests(N8nServer n8n) : IntakeTests(n8n)
{
    private protected override IntakeTemplates Intake => N8n.PlainIntake;

    private protected override JsonObject Expected(JsonObject lead, JsonArray events) => new()
    {
        ["lead_id"] = "with-events", ["organization_id"] = N8n.Fake.OrganizationId, ["scoring_type"] = "full", ["include_factors"] = true, ["lead"] = lead, ["events"] = events,
    };
}

/// <summary>What both templates that take leads in do in a real n8n: called over HTTP as a website or CRM would call them.</summary>
public abstract class IntakeTests
{
    private protected IntakeTests(N8nServer n8n)
    {
        N8n = n8n;
        // The leads have the same names for both templates.
        n8n.Fake.Forget();
    }

    private protected N8nServer N8n { get; }

    private protected abstract IntakeTemplates Intake { get; }

    /// <summary>What the sidecar is sent for a lead with events.</summary>
    private protected abstract JsonObject Expected(JsonObject lead, JsonArray events);

    private static readonly Dictionary<string, string> RouteOfGrade = new()
    {
        ["A"] = "alert_rep",
        ["B"] = "call_list",
        ["C"] = "nurture",
        ["D"] = "newsletter",
    };

    [ServerTheory]
    [InlineData("hot", 0.9, 14, 3)]
    [InlineData("cold", 0.0, 1, 0)]
    public async Task Webhook_RealSidecar_AnswersWithTheScoreOfItsTrainedEnsembleAndStoresTheLead(string leadId, double opens, int visits, int showings)
    {
        var lead = new JsonObject { ["email_open_rate"] = opens, ["website_sessions"] = visits, ["avg_pages_viewed"] = 6, ["showing_requests"] = showings, ["calc_usage"] = showings };
        var showing = new JsonArray(new JsonObject { ["event_id"] = $"e-{leadId}", ["type"] = "email_sent", ["source"] = "email", ["occurred_at"] = "2026-01-31T09:30:00Z" });

        var (status, body, _) = await N8n.SendAsync(Intake.Shipped, new JsonObject { ["lead_id"] = leadId, ["lead"] = lead, ["events"] = showing }.ToJsonString());

        Assert.Equal(200, status);
        Assert.Equal("ensemble", (string?)body!["scored_by"]);
        Assert.Equal(1, (int)body["model_version"]!);
        Assert.Equal((double)body["score"]!, 100 * (double)body["conversion_probability"]!, 0.06);
        Assert.InRange((double)body["confidence"]!, 0.01, 1);
        Assert.Equal(RouteOfGrade[(string)body["grade"]!], (string?)body["route"]);
        Assert.False(string.IsNullOrEmpty((string?)body["next_best_action"]));
        Assert.NotEmpty(body["factors"]!["positive"]!.AsArray());
        Assert.Equal("success", await N8n.LastExecutionStatusAsync(Intake.Shipped));

        var stored = await N8n.AskSidecarAsync($"/v1/leads/{leadId}/score");
        Assert.Equal((double)body["score"]!, (double)stored["score"]!);
        Assert.True((bool)stored["cached"]!);
        Assert.Equal(1, (int)(await N8n.AskSidecarAsync($"/v1/leads/{leadId}"))["activity"]!["events"]!);
    }

    [ServerFact]
    public async Task Webhook_RealSidecar_PutsTheLikelierLeadFirst()
    {
        async Task<double> Score(string leadId, int showings) => (double)(await N8n.SendAsync(Intake.Shipped, new JsonObject
        {
            ["lead_id"] = leadId, ["lead"] = new JsonObject { ["website_sessions"] = 6, ["showing_requests"] = showings, ["call_count"] = showings },
        }.ToJsonString())).Body!["score"]!;

        Assert.True(await Score("asks-to-see", 3) > await Score("never-asked", 0) + 10);
    }

    [ServerTheory]
    [InlineData("A", 91.2, "alert_rep")]
    [InlineData("B", 72.5, "call_list")]
    [InlineData("C", 55, "nurture")]
    [InlineData("D", 8.1, "newsletter")]
    public async Task Webhook_EachGrade_TakesItsRoute(string grade, double score, string route)
    {
        N8n.Fake.Grades($"grade-{grade}", grade, score);

        var (status, body, mediaType) = await N8n.SendAsync(Intake.Faults, Lead($"grade-{grade}"));

        Assert.Equal((200, "application/json"), (status, mediaType));
        Assert.Equal(grade, (string?)body!["grade"]);
        Assert.Equal(score, (double)body["score"]!);
        Assert.Equal(score / 100, (double)body["conversion_probability"]!);
        Assert.Equal(0.83, (double)body["confidence"]!);
        Assert.Equal("call_now", (string?)body["next_best_action"]);
        Assert.Equal("email_opens", (string?)body["factors"]!["positive"]![0]!["feature"]);
        Assert.Equal(route, (string?)body["route"]);
    }

    [ServerFact]
    public async Task Webhook_LeadWithEvents_SendsAllOfItToTheSidecarInOneCall()
    {
        var lead = new JsonObject { ["email_open_rate"] = 0.4, ["note"] = "quotes \" and ümlauts {{ $env.HOME }}" };
        var events = new JsonArray(new JsonObject { ["event_id"] = "e-1", ["type"] = "page_view", ["source"] = "website", ["occurred_at"] = "2026-01-31T09:30:00Z", ["properties"] = new JsonObject { ["page"] = "/pricing" } });

        var (status, _, _) = await N8n.SendAsync(Intake.Faults, Lead("with-events", lead, events));

        Assert.Equal(200, status);
        Assert.True(JsonNode.DeepEquals(Expected((JsonObject)lead.DeepClone(), (JsonArray)events.DeepClone()), N8n.Fake.RequestsFor("with-events")[^1]));
    }

    [ServerFact]
    public async Task Webhook_LeadWithoutEvents_SendsNoEventsField()
    {
        await N8n.SendAsync(Intake.Faults, Lead("without-events"));

        Assert.False(Assert.Single(N8n.Fake.RequestsFor("without-events")).ContainsKey("events"));
    }

    [ServerTheory]
    [InlineData(null)]
    [InlineData("wrong")]
    [InlineData("")]
    public async Task Webhook_MissingOrWrongKey_IsRefusedAndNothingIsScored(string? key)
    {
        var (status, _, _) = await N8n.SendAsync(Intake.Faults, Lead("refused"), key);

        Assert.Contains(status, (int[])[401, 403]);
        Assert.Empty(N8n.Fake.RequestsFor("refused"));
    }

    [ServerTheory]
    [InlineData("""{"lead":{}}""", "/lead_id")]
    [InlineData("""{"lead_id":"  ","lead":{}}""", "/lead_id")]
    [InlineData("""{"lead_id":42,"lead":{}}""", "/lead_id")]
    [InlineData("""{"lead_id":"bad"}""", "/lead")]
    [InlineData("""{"lead_id":"bad","lead":["a"]}""", "/lead")]
    [InlineData("""{"lead_id":"bad","lead":{},"events":{"type":"visit"}}""", "/events")]
    [InlineData("""{"lead_id":"bad","lead":{},"events":null}""", "/events")]
    [InlineData("""{}""", "/lead_id", "/lead")]
    [InlineData("""[{"lead_id":"bad","lead":{}}]""", "/lead_id", "/lead")]
    public async Task Webhook_InvalidInput_AnswersWhatToMendAndScoresNothing(string json, params string[] pointers)
    {
        var (status, body, mediaType) = await N8n.SendAsync(Intake.Faults, json);

        Assert.Equal((400, "application/problem+json"), (status, mediaType));
        Assert.Equal(pointers, body!["errors"]!.AsArray().Select(error => (string)error!["pointer"]!));
        Assert.All(body["errors"]!.AsArray(), error => Assert.Contains((string)error!["detail"]!, (string?)body["detail"]));
        Assert.Empty(N8n.Fake.RequestsFor("bad"));
    }

    [ServerFact]
    public async Task Webhook_SidecarDown_Answers503AndTheExecutionFails()
    {
        var (status, body, mediaType) = await N8n.SendAsync(Intake.Down, Lead("down"));

        Assert.Equal((503, "application/problem+json"), (status, mediaType));
        Assert.Equal("down", (string?)body!["lead_id"]);
        Assert.Contains("did not answer", (string?)body["detail"]);
        Assert.DoesNotContain("127.0.0.1", body.ToJsonString());
        Assert.Equal("error", await N8n.LastExecutionStatusAsync(Intake.Down));
    }

    [ServerFact]
    public async Task Webhook_SidecarTooSlow_TriesThreeTimesThenAnswers503()
    {
        N8n.Fake.NeverAnswers("slow");

        var (status, body, _) = await N8n.SendAsync(Intake.Faults, Lead("slow"));

        Assert.Equal(503, status);
        Assert.Contains("did not answer", (string?)body!["detail"]);
        Assert.Equal(3, N8n.Fake.RequestsFor("slow").Count);
        Assert.Equal("error", await N8n.LastExecutionStatusAsync(Intake.Faults));
    }

    [ServerFact]
    public async Task Webhook_SidecarRecoversOnTheSecondTry_AnswersTheScore()
    {
        N8n.Fake.Answers("recovers", context =>
        {
            N8n.Fake.Grades("recovers", "A", 90);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        });

        var (status, body, _) = await N8n.SendAsync(Intake.Faults, Lead("recovers"));

        Assert.Equal((200, "A"), (status, (string?)body!["grade"]));
        Assert.Equal(2, N8n.Fake.RequestsFor("recovers").Count);
    }

    // A sender's systems repeat what was answered with 5xx. A lead that the sidecar rejects stays rejected, so 422 is
    // passed on with its reasons, and the sender knows what to mend.
    [ServerFact]
    public async Task Webhook_SidecarRejectsTheLead_PassesTheReasonsOn()
    {
        var errors = new JsonArray(new JsonObject { ["pointer"] = "/events/0/type", ["detail"] = "unknown event type" });
        N8n.Fake.Rejects("rejected", 422, "Not valid", "One event has an unknown type.", errors);

        var (status, body, mediaType) = await N8n.SendAsync(Intake.Faults, Lead("rejected"));

        Assert.Equal((422, "application/problem+json"), (status, mediaType));
        Assert.EndsWith("One event has an unknown type.", (string?)body!["detail"]);
        Assert.True(JsonNode.DeepEquals(errors, body["errors"]));
        Assert.Equal("error", await N8n.LastExecutionStatusAsync(Intake.Faults));
    }

    [ServerTheory]
    [InlineData(401, 502, "refused the key")]
    [InlineData(403, 502, "refused the key")]
    [InlineData(404, 502, "why it failed")]
    [InlineData(429, 503, "why it failed")]
    [InlineData(500, 502, "why it failed")]
    [InlineData(503, 503, "why it failed")]
    public async Task Webhook_SidecarFails_AnswersWhoseFaultItIs(int sidecarStatus, int expected, string detail)
    {
        N8n.Fake.Rejects($"fails-{sidecarStatus}", sidecarStatus, "Failed", "why it failed");

        var (status, body, _) = await N8n.SendAsync(Intake.Faults, Lead($"fails-{sidecarStatus}"));

        Assert.Equal(expected, status);
        Assert.Equal(expected, (int)body!["status"]!);
        Assert.Equal($"{sidecarStatus}", (string?)body["sidecar_status"]);
        Assert.Contains(detail, (string?)body["detail"]);
        Assert.Equal("error", await N8n.LastExecutionStatusAsync(Intake.Faults));
    }

    [ServerTheory]
    [InlineData("no-json", "text/html", "<h1>Welcome to nginx</h1>")]
    [InlineData("no-body", "application/json", "")]
    [InlineData("no-item", "application/json", "[]")]
    [InlineData("no-grade", "application/json", """{"lead_id":"no-grade","score":50}""")]
    [InlineData("odd-grade", "application/json", """{"lead_id":"odd-grade","score":50,"grade":"E"}""")]
    [InlineData("numeric-grade", "application/json", """{"lead_id":"numeric-grade","score":"high","grade":1}""")]
    public async Task Webhook_AnswerWithoutGrade_Answers502AndTheExecutionFails(string leadId, string mediaType, string answer)
    {
        N8n.Fake.Answers(leadId, context =>
        {
            context.Response.ContentType = mediaType;
            return context.Response.WriteAsync(answer);
        });

        var (status, body, _) = await N8n.SendAsync(Intake.Faults, Lead(leadId));

        Assert.Equal(502, status);
        Assert.Contains("without a grade", (string?)body!["detail"]);
        Assert.Equal("error", await N8n.LastExecutionStatusAsync(Intake.Faults));
    }

    private static string Lead(string leadId, JsonObject? lead = null, JsonArray? events = null)
    {
        var body = new JsonObject { ["lead_id"] = leadId, ["lead"] = lead?.DeepClone() ?? new JsonObject() };
        if (events is not null) body["events"] = events.DeepClone();
        return body.ToJsonString();
    }
}
