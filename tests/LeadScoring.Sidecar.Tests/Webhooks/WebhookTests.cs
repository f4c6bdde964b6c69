using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Training;
using LeadScoring.Sidecar.Webhooks;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>Managing webhooks, and what gets into the outbox; nothing is delivered by itself here.</summary>
[Trait("Category", "Slow")]
public sealed class WebhookTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = WebhookWorld.Sidecar(("Webhooks:DeliverHere", "false"));
    private WebhookReceiver receiver = null!;

    public async Task InitializeAsync()
    {
        await sidecar.InitializeAsync();
        receiver = await WebhookReceiver.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await receiver.DisposeAsync();
        await sidecar.DisposeAsync();
    }

    private static readonly Uri Nowhere = new("https://hooks.example/in");

    private static async Task<(string Type, JsonElement Data)[]> PendingAsync(TestOrganization organization, string id) =>
        [.. (await organization.DeliveriesAsync(id, "pending")).Select(d => (d.Text("type")!, d.GetProperty("payload").GetProperty("data")))];

    [Fact]
    public async Task Create_List_ShowTheSecretOnceAndStoreItSealed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, secret) = await organization.SubscribeAsync(Nowhere, ["score.updated", "model.promoted"], ["A", "B"]);
        Assert.StartsWith("whsec_", secret);
        Assert.Equal(32, Convert.FromBase64String(secret["whsec_".Length..]).Length);
        var list = (await organization.GetAsync("/v1/webhooks")).Body;
        Assert.DoesNotContain(secret, list.ToString(), StringComparison.Ordinal);
        var webhook = list.At("webhooks", 0);
        Assert.Equal((id, Nowhere.ToString(), true), (webhook.Text("webhook_id"), webhook.Text("url"), webhook.GetProperty("enabled").GetBoolean()));
        Assert.Equal(["score.updated", "model.promoted"], webhook.GetProperty("events").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal(["A", "B"], webhook.GetProperty("grades").EnumerateArray().Select(e => e.GetString()));
        foreach (var path in Directory.GetFiles(sidecar.Data, "leadscoring.db*"))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var bytes = new MemoryStream();
            await file.CopyToAsync(bytes);
            Assert.Equal(-1, bytes.ToArray().AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)));
            Assert.Equal(-1, bytes.ToArray().AsSpan().IndexOf(Convert.FromBase64String(secret["whsec_".Length..])));
        }

        Assert.Equal(HttpStatusCode.NoContent, (await organization.SendAsync(HttpMethod.Delete, $"/v1/webhooks/{id}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, $"/v1/webhooks/{id}")).Status);
        Assert.Empty((await organization.GetAsync("/v1/webhooks")).Body.GetProperty("webhooks").EnumerateArray());
    }

    [Theory]
    [InlineData("ftp://hooks.example/", "/url", "https://")]
    [InlineData("hooks.example", "/url", "https://")]
    [InlineData("https://user:pass@hooks.example/", "/url", "password")]
    [InlineData("http://localhost:5678/webhook", "/url", "LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS=localhost")]
    [InlineData("http://169.254.169.254/latest/meta-data", "/url", "LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS=169.254.169.254")]
    [InlineData("http://2130706433/", "/url", "ALLOWEDPRIVATEHOSTS")]
    [InlineData("http://[::ffff:10.0.0.1]/", "/url", "ALLOWEDPRIVATEHOSTS")]
    public async Task Create_BadUrl_IsRefusedAndSaysWhatToDo(string url, string pointer, string hint)
    {
        var organization = await sidecar.NewOrganizationAsync();
        // 127.0.0.1 is allowed in this class: 2130706433 is another way to write it, so look at one that is not.
        if (url.Contains("2130706433", StringComparison.Ordinal)) url = url.Replace("2130706433", "2130706434", StringComparison.Ordinal);
        var (status, problem) = await organization.PostAsync("/v1/webhooks", new { url, events = new[] { "score.updated" } });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
        Assert.Contains(hint, problem.At("errors", 0).Text("detail"));
    }

    [Fact]
    public async Task Create_BadEventsGradesOrSecret_IsRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var (body, pointer) in ((object, string)[])
        [
            (new { url = Nowhere, events = new[] { "score.udpated" } }, "/events"),
            (new { url = Nowhere, events = Array.Empty<string>() }, "/events"),
            (new { url = Nowhere, events = new[] { "score.updated" }, grades = new[] { "E" } }, "/grades"),
            (new { url = Nowhere, events = new[] { "score.updated" }, secret = "short" }, "/secret"),
            (new { url = Nowhere, events = new[] { "score.updated" }, secret = "whsec_" + Convert.ToBase64String(new byte[31]) }, "/secret"),
        ])
        {
            var (status, problem) = await organization.PostAsync("/v1/webhooks", body);
            Assert.True(status == HttpStatusCode.BadRequest, problem.ToString());
            Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
        }

        var (created, answer) = await organization.PostAsync("/v1/webhooks", new { url = receiver.Url, events = new[] { "score.updated" }, secret = "a text of one's own, 32 bytes and more" });
        Assert.Equal((HttpStatusCode.Created, (string?)null), (created, answer.Text("secret")));
        await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{answer.GetProperty("webhook").Text("webhook_id")}/test");
        Assert.True(receiver.Requests.Single().IsSignedWith("a text of one's own, 32 bytes and more"));
    }

    [Fact]
    public async Task Test_Receiver_IsCalledWithASignedEventAndTheAnswerIsTold()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, secret) = await organization.SubscribeAsync(receiver.Url, ["score.updated"]);
        var (_, good) = await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test");
        Assert.Equal((true, 200, (string?)null), (good.GetProperty("delivered").GetBoolean(), good.Int("status"), good.Text("failure")));
        var request = receiver.Requests.Single();
        Assert.True(request.IsSignedWith(secret));
        Assert.Equal(("webhook.test", good.Text("event_id")), (request.Type, request.EventId));
        receiver.Respond = http =>
        {
            http.Response.StatusCode = 418;
            return http.Response.Body.WriteAsync("a secret of the receiver"u8.ToArray()).AsTask();
        };
        var (_, bad) = await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test");
        Assert.Equal((false, "answered 418"), (bad.GetProperty("delivered").GetBoolean(), bad.Text("failure")));
        Assert.DoesNotContain("a secret of the receiver", bad.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A name is checked where it leads to at the moment of connecting, whatever it was when the webhook was made.</summary>
    [Fact]
    public async Task Test_NameOfAPrivateAddress_IsNotConnectedToAndNamesTheSetting()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var url = $"http://localhost:{receiver.Url.Port}/";
        var id = await sidecar.Get<WebhookStore>().AddAsync(organization.Id, new WebhookSettings(url, null, "score.updated", null, true), WebhookSignature.NewSecret(), CancellationToken.None);
        var (_, answer) = await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test");
        Assert.Contains("set LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS=localhost", answer.Text("failure"));
        Assert.Empty(receiver.Requests);
    }

    [Fact]
    public async Task Rotate_Overlap_SignsWithBothUntilItEnds()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, before) = await organization.SubscribeAsync(receiver.Url, ["score.updated"]);
        var (_, rotated) = await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/rotate-secret");
        await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test");
        var both = receiver.Requests.Last();
        Assert.Equal(2, both.Signature.Split(' ').Length);
        Assert.True(both.IsSignedWith(before) && both.IsSignedWith(rotated.Text("secret")!));
        var (_, again) = await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/rotate-secret?overlap_hours=0");
        await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test");
        var one = receiver.Requests.Last();
        Assert.True(one.IsSignedWith(again.Text("secret")!));
        Assert.False(one.IsSignedWith(before) || one.IsSignedWith(rotated.Text("secret")!));
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/rotate-secret?overlap_hours=169")).Status);
    }

    [Fact]
    public async Task Score_Changes_TellScoreGradeAndReviewOfTheLead()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(Nowhere, WebhookEventTypes.All);
        await organization.ScoreAsync("a", 1, 0);
        Assert.Equal(["grade.changed", "review.needed", "score.updated"], (await PendingAsync(organization, id)).Select(e => e.Type).Order(StringComparer.Ordinal));
        await organization.ScoreAsync("a", 1, 0);
        Assert.Equal(3, (await PendingAsync(organization, id)).Length);
        await organization.ScoreAsync("a", 0, 0);
        Assert.Equal(4, (await PendingAsync(organization, id)).Length);
        await organization.ScoreAsync("a", 1, 1);
        var events = await PendingAsync(organization, id);
        Assert.Equal(6, events.Length);
        var changed = events.Where(e => e.Type == "grade.changed").Select(e => (e.Data.Text("previous_grade"), e.Data.Text("grade")));
        Assert.Equal([(null, "D"), ("D", "A")], changed.OrderBy(c => c.Item1, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Score_GradeFilter_LetsThroughWhatIsOrWasOfTheGrade()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(Nowhere, ["grade.changed"], ["A"]);
        foreach (var (calls, showings) in ((int, int)[])[(1, 0), (0, 1), (1, 1), (0, 0), (1, 0)]) await organization.ScoreAsync("a", calls, showings);
        Assert.Equal([("A", "D"), ("C", "A")], (await PendingAsync(organization, id)).Select(e => (e.Data.Text("previous_grade")!, e.Data.Text("grade")!)).Order());
    }

    [Fact]
    public async Task PutGrades_BoundsMove_TellGradesAndNotScores()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ScoreAsync("a", 0, 1);
        var (id, _) = await organization.SubscribeAsync(Nowhere, ["score.updated", "grade.changed"]);
        var (status, answer) = await organization.SendAsync(HttpMethod.Put, "/v1/grades", new { mode = "fixed", bounds = new { a = 34, b = 20, c = 15 } });
        Assert.True(status == HttpStatusCode.OK, answer.ToString());
        var (type, data) = Assert.Single(await PendingAsync(organization, id));
        Assert.Equal(("grade.changed", "C", "A", 35, (string?)null), (type, data.Text("previous_grade"), data.Text("grade"), data.GetProperty("score").GetDouble(), data.Text("next_best_action")));
    }

    [Fact]
    public async Task Score_NobodyListens_WritesNothing()
    {
        var (organization, other) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await other.SubscribeAsync(Nowhere, WebhookEventTypes.All);
        await organization.SubscribeAsync(Nowhere, ["model.promoted"]);
        var (disabled, _) = await organization.SubscribeAsync(Nowhere, ["score.updated"]);
        await organization.SendAsync(HttpMethod.Put, $"/v1/webhooks/{disabled}", new { url = Nowhere, events = new[] { "score.updated" }, enabled = false });
        await organization.ScoreAsync("a", 1, 1);
        Assert.Equal(0, await sidecar.CountAsync("select count(*) from webhook_deliveries"));
    }

    [Fact]
    public async Task Write_RolledBack_TellsNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(Nowhere, ["drift.alert"]);
        var outbox = sidecar.Get<Outbox>();
        var alert = new DriftAlertData("feature", "age_group", 0.31, 0.2, "PSI 0.31 over 1,200 leads");
        await Assert.ThrowsAsync<InvalidOperationException>(() => sidecar.Get<Database>().WriteAsync(
            async transaction =>
            {
                await outbox.PutDriftAlertAsync(transaction, organization.Id, alert, CancellationToken.None);
                throw new InvalidOperationException();
            },
            CancellationToken.None));
        Assert.Empty(await PendingAsync(organization, id));
        await sidecar.Get<Database>().WriteAsync(transaction => outbox.PutDriftAlertAsync(transaction, organization.Id, alert, CancellationToken.None), CancellationToken.None);
        var (type, data) = Assert.Single(await PendingAsync(organization, id));
        Assert.Equal(("drift.alert", "age_group", 0.31), (type, data.Text("feature"), data.GetProperty("value").GetDouble()));
    }

    [NativeXGBoostFact]
    public async Task Promote_AndRollback_TellTheChampion()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(Nowhere, ["model.promoted"]);
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await organization.SendAsync(HttpMethod.Post, "/v1/models/2/promote");
        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback")).Status);
        Assert.Equal(
            [(1, "by hand"), (1, ModelStore.RollbackReason), (2, "by hand")],
            (await PendingAsync(organization, id)).Select(e => (e.Data.Int("version"), e.Data.Text("reason")!)).Order());
    }

    [Fact]
    public async Task DeleteLead_Events_GoWithIt()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(Nowhere, ["score.updated"]);
        await organization.ScoreAsync("a", 1, 0);
        await organization.ScoreAsync("b", 1, 0);
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/a");
        Assert.Equal(["b"], (await PendingAsync(organization, id)).Select(e => e.Data.Text("lead_id")));
    }

    [Fact]
    public async Task Webhooks_OfAnotherOrganization_AreNotThere()
    {
        var (one, two) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        var (id, _) = await one.SubscribeAsync(Nowhere, ["score.updated"]);
        foreach (var (method, path) in ((HttpMethod, string)[])
        [
            (HttpMethod.Delete, ""), (HttpMethod.Post, "/test"), (HttpMethod.Post, "/rotate-secret"), (HttpMethod.Post, "/replay"), (HttpMethod.Get, "/deliveries"),
        ]) Assert.Equal(HttpStatusCode.NotFound, (await two.SendAsync(method, $"/v1/webhooks/{id}{path}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await two.SendAsync(HttpMethod.Put, $"/v1/webhooks/{id}", new { url = Nowhere, events = new[] { "score.updated" } })).Status);
        Assert.NotNull((await one.WebhookAsync(id)).Text("webhook_id"));
    }
}
