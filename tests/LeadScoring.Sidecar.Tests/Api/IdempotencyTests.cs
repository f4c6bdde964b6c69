using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Webhooks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>The header Idempotency-Key.</summary>
[Trait("Category", "Slow")]
public sealed class IdempotencyTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly BreakableErasure erasure = new();
    private readonly SidecarFactory sidecar;

    public IdempotencyTests() => sidecar = new SidecarFactory
    {
        Configure = services =>
        {
            services.AddSingleton<TimeProvider>(clock);
            services.AddSingleton(erasure.Registration);
        },
    };

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    /// <summary>An erasure that fails until a table exists.</summary>
    private sealed class BreakableErasure
    {
        internal LeadErasure Registration { get; } = new("comes_later");
    }

    private sealed record Answer(HttpStatusCode Status, bool IsReplayed, string Text, HttpResponseMessage Response)
    {
        internal JsonElement Json => JsonElement.Parse(Text);
    }

    private static async Task<Answer> SendAsync(HttpClient client, string? key, HttpMethod method, string path, object? body = null, string contentType = "application/json")
    {
        var content = body switch
        {
            null => null,
            HttpContent c => c,
            string text => new StringContent(text, Encoding.UTF8, contentType),
            _ => new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, contentType),
        };
        var request = new HttpRequestMessage(method, path) { Content = content };
        if (key is not null) request.Headers.TryAddWithoutValidation(Idempotency.Header, key);
        var response = await client.SendAsync(request);
        return new Answer(response.StatusCode, response.Headers.TryGetValues(Idempotency.ReplayedHeader, out var values) && values.Single() == "true", await response.Content.ReadAsStringAsync(), response);
    }

    private static Task<Answer> SendAsync(TestOrganization organization, string? key, HttpMethod method, string path, object? body = null, string contentType = "application/json") =>
        SendAsync(organization.Client, key, method, path, body, contentType);

    private static async Task<int> KeysAsync(TestOrganization organization) => (await organization.GetAsync("/v1/keys")).Body.GetProperty("keys").GetArrayLength();

    [Fact]
    public async Task Send_SameRequestTwice_IsDoneOnceAndAnsweredAlike()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var body = new { name = "n8n", scope = "score" };
        var first = await SendAsync(organization, "k1", HttpMethod.Post, "/v1/keys", body);
        var second = await SendAsync(organization, "k1", HttpMethod.Post, "/v1/keys", body);
        Assert.Equal((HttpStatusCode.Created, false), (first.Status, first.IsReplayed));
        Assert.Equal((HttpStatusCode.Created, true, first.Text), (second.Status, second.IsReplayed, second.Text));
        Assert.Equal(first.Response.Headers.Location, second.Response.Headers.Location);
        Assert.Equal(first.Response.Content.Headers.ContentType, second.Response.Content.Headers.ContentType);
        Assert.Equal(2, await KeysAsync(organization));
        var third = await SendAsync(organization, "k2", HttpMethod.Post, "/v1/keys", body);
        Assert.False(third.IsReplayed);
        Assert.Equal(3, await KeysAsync(organization));
    }

    [Fact]
    public async Task Send_AnswerWithASecret_IsKeptSealed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await SendAsync(organization, "k1", HttpMethod.Post, "/v1/keys", new { name = "n8n", scope = "score" });
        await organization.GetAsync("/v1/keys");
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        using var command = connection.CreateCommand();
        command.CommandText = "select reply from idempotency_keys where idempotency_key = 'k1'";
        var reply = (byte[])(await command.ExecuteScalarAsync())!;
        Assert.True(reply.Length > 100);
        Assert.Equal(-1, reply.AsSpan().IndexOf(Encoding.UTF8.GetBytes(answer.Json.Text("key")!)));
    }

    [Fact]
    public async Task Send_SameKeyOtherBodyPathOrMethod_Is409()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 1 } })).Status);
        foreach (var other in (Func<Task<Answer>>[])
        [
            () => SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 2 } }),
            () => SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a?x=1", new { attributes = new { call_count = 1 } }),
            () => SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/b", new { attributes = new { call_count = 1 } }),
            () => SendAsync(organization, "k", HttpMethod.Delete, "/v1/leads/a"),
        ])
        {
            var answer = await other();
            Assert.Equal((HttpStatusCode.Conflict, "/problems/idempotency-key-reused"), (answer.Status, answer.Json.Text("type")));
        }

        Assert.Equal(1, (await organization.LeadAsync("a"))!.Revision);
        Assert.Null(await organization.LeadAsync("b"));
    }

    [Fact]
    public async Task Send_KeyOfAnotherOrganization_MeansNothing()
    {
        var (one, two) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await SendAsync(one, "k", HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 1 } });
        var answer = await SendAsync(two, "k", HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 2 } });
        Assert.Equal((HttpStatusCode.OK, false), (answer.Status, answer.IsReplayed));
        Assert.NotNull(await two.LeadAsync("a"));
    }

    [Fact]
    public async Task Send_LesserKey_DoesNotSeeTheAnswerOfAGreaterOne()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var body = new { name = "n8n", scope = "score" };
        await SendAsync(organization, "k", HttpMethod.Post, "/v1/keys", body);
        var lesser = await organization.WithScopeAsync(ApiScope.Write);
        Assert.Equal(HttpStatusCode.Forbidden, (await SendAsync(lesser, "k", HttpMethod.Post, "/v1/keys", body)).Status);
    }

    [Fact]
    public async Task Send_FirstStillRunning_Is409WithRetryAfter()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var body = JsonSerializer.Serialize(new { attributes = new { call_count = 1 } });
        var slow = new SlowContent(body);
        var first = SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", slow);
        await slow.Started;
        await Waiting.UntilAsync(async () => await sidecar.CountAsync("select count(*) from idempotency_keys where state = 'running'") == 1, "The first never began.");
        var second = await SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", body);
        Assert.Equal((HttpStatusCode.Conflict, "/problems/idempotency-request-running"), (second.Status, second.Json.Text("type")));
        Assert.Equal(TimeSpan.FromSeconds(1), second.Response.Headers.RetryAfter?.Delta);
        slow.GoOn();
        Assert.Equal((HttpStatusCode.OK, false), ((await first).Status, (await first).IsReplayed));
        Assert.True((await SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", body)).IsReplayed);
    }

    [Fact]
    public async Task Send_ManyAtOnce_IsDoneOnce()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var body = new { name = "n8n", scope = "score" };
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => SendAsync(organization, "k", HttpMethod.Post, "/v1/keys", body))));
        Assert.Single(answers, a => a.Status == HttpStatusCode.Created && !a.IsReplayed);
        Assert.All(answers, a => Assert.True(a.Status == HttpStatusCode.Conflict || a.Text == answers.First(x => x.Status == HttpStatusCode.Created).Text));
        Assert.Equal(2, await KeysAsync(organization));
    }

    /// <summary>What was refused has stored nothing, so a retry after the cause is gone must not get the old refusal.</summary>
    [Fact]
    public async Task Send_Refused_IsNotKept()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(organization, "k", HttpMethod.Post, "/v1/score", new { lead_id = "later" })).Status);
        await organization.PutLeadAsync("later", new { call_count = 1 });
        var again = await SendAsync(organization, "k", HttpMethod.Post, "/v1/score", new { lead_id = "later" });
        Assert.Equal((HttpStatusCode.OK, false), (again.Status, again.IsReplayed));
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(organization, "bad", HttpMethod.Post, "/v1/keys", new { name = "" })).Status);
        Assert.Equal(HttpStatusCode.Created, (await SendAsync(organization, "bad", HttpMethod.Post, "/v1/keys", new { name = "good", scope = "score" })).Status);
    }

    [Fact]
    public async Task Send_Failed_IsNotKeptAndCanBeTriedAgain()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        Assert.Equal(HttpStatusCode.InternalServerError, (await SendAsync(organization, "k", HttpMethod.Delete, "/v1/leads/a")).Status);
        Assert.NotNull(await organization.LeadAsync("a"));
        await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync("create table comes_later (organization_id text, lead_id text)", null, CancellationToken.None), CancellationToken.None);
        var again = await SendAsync(organization, "k", HttpMethod.Delete, "/v1/leads/a");
        Assert.Equal((HttpStatusCode.OK, false), (again.Status, again.IsReplayed));
        // Without the kept answer this would be 404.
        var replayed = await SendAsync(organization, "k", HttpMethod.Delete, "/v1/leads/a");
        Assert.Equal((HttpStatusCode.OK, true), (replayed.Status, replayed.IsReplayed));
    }

    [Fact]
    public async Task Send_FirstDiedInTheMiddle_IsTakenOverWhenItsLeaseEnds()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Null(await sidecar.Get<IdempotencyStore>().ClaimAsync(new IdempotencyClaim(organization.Id, "k", "dead"), "PUT", "/v1/leads/a", CancellationToken.None));
        var body = new { attributes = new { call_count = 1 } };
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", body)).Status);
        clock.Advance(IdempotencyStore.Lease);
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/other", body)).Status);
        Assert.Equal((HttpStatusCode.OK, false), ((await SendAsync(organization, "k", HttpMethod.Put, "/v1/leads/a", body)) is var a ? (a.Status, a.IsReplayed) : default));
    }

    /// <summary>The write says itself that it is done, so a crash before its answer is kept does not make a second one.</summary>
    [Fact]
    public async Task Send_FirstDiedAfterItsWrite_IsNotDoneAgain()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var claim = new IdempotencyClaim(organization.Id, "k", "dead");
        await sidecar.Get<IdempotencyStore>().ClaimAsync(claim, "POST", "/v1/keys", CancellationToken.None);
        WriteMark.Set(t => IdempotencyStore.MarkAsync(t, claim, CancellationToken.None));
        await sidecar.Get<LeadScoring.Sidecar.Organizations.ApiKeyStore>().CreateAsync(organization.Id, "n8n", ApiScope.Score, CancellationToken.None);
        WriteMark.Set(null);
        clock.Advance(TimeSpan.FromHours(1));
        var retry = await SendAsync(organization, "k", HttpMethod.Post, "/v1/keys", new { name = "n8n", scope = "score" });
        Assert.Equal((HttpStatusCode.Conflict, "/problems/idempotency-answer-lost"), (retry.Status, retry.Json.Text("type")));
        Assert.Equal(2, await KeysAsync(organization));
    }

    /// <summary>A process that was frozen past its lease wakes up in the middle of a write that another one has taken over.</summary>
    [Fact]
    public async Task Write_ClaimTakenOverMeanwhile_IsUndone()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var store = sidecar.Get<IdempotencyStore>();
        var (frozen, next) = (new IdempotencyClaim(organization.Id, "k", "frozen"), new IdempotencyClaim(organization.Id, "k", "next"));
        await store.ClaimAsync(frozen, "POST", "/v1/keys", CancellationToken.None);
        clock.Advance(IdempotencyStore.Lease);
        Assert.Null(await store.ClaimAsync(next, "POST", "/v1/keys", CancellationToken.None));
        WriteMark.Set(t => IdempotencyStore.MarkAsync(t, frozen, CancellationToken.None));
        await Assert.ThrowsAsync<ProblemException>(() => sidecar.Get<LeadScoring.Sidecar.Organizations.ApiKeyStore>().CreateAsync(organization.Id, "n8n", ApiScope.Score, CancellationToken.None));
        WriteMark.Set(null);
        Assert.Equal(1, await KeysAsync(organization));
    }

    [Fact]
    public async Task Send_AnswerTooLongToKeep_IsSentWholeAndNotDoneAgain()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var items = Enumerable.Range(0, 1_000).Select(i => new { lead_id = "l" + i, include_factors = true, lead = new { call_count = 1, showing_requests = 1, email_open_rate = 0.5, property_views = 9, calc_usage = 3 } });
        var first = await SendAsync(organization, "k", HttpMethod.Post, "/v1/score/batch", new { items });
        Assert.True(first.Status == HttpStatusCode.OK && first.Text.Length > Idempotency.MaxReplyBytes, $"{first.Status}, {first.Text.Length} characters");
        Assert.Equal(1_000, first.Json.Int("scored"));
        var second = await SendAsync(organization, "k", HttpMethod.Post, "/v1/score/batch", new { items });
        Assert.Equal((HttpStatusCode.Conflict, "/problems/idempotency-answer-lost"), (second.Status, second.Json.Text("type")));
    }

    [Theory]
    [InlineData("with blank")]
    [InlineData("ümlaut")]
    public async Task Send_KeyThatIsNone_IsRefused(string key)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await SendAsync(organization, key, HttpMethod.Put, "/v1/leads/a", new { attributes = new { } });
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains("1 to 255 visible ASCII", answer.Json.Text("detail"));
        Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(organization, new string('x', 256), HttpMethod.Put, "/v1/leads/a", new { attributes = new { } })).Status);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(organization, new string('x', 255), HttpMethod.Put, "/v1/leads/a", new { attributes = new { } })).Status);
    }

    [Fact]
    public async Task Send_Stream_IsRefusedAndSaysWhy()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await SendAsync(organization, "k", HttpMethod.Post, "/v1/score/batch", """{"lead_id":"a","lead":{}}""", "application/x-ndjson");
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains("stream", answer.Json.Text("detail"));
        Assert.Null(await organization.LeadAsync("a"));
    }

    [Fact]
    public async Task Send_Read_TakesNoNoticeOfTheKey()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(organization, "k", HttpMethod.Get, "/v1/leads")).Status);
        Assert.False((await SendAsync(organization, "k", HttpMethod.Get, "/v1/leads")).IsReplayed);
        Assert.Equal(0, await sidecar.CountAsync("select count(*) from idempotency_keys"));
    }

    [Fact]
    public async Task Send_AfterADay_IsANewRequestAndOldKeysAreRemoved()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var key in (string[])["k1", "k2"]) await SendAsync(organization, key, HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 1 } });
        clock.Advance(TimeSpan.FromHours(23));
        Assert.Equal(0, await sidecar.Get<PurgeIdempotencyKeys>().RunOnceAsync(CancellationToken.None));
        Assert.True((await SendAsync(organization, "k1", HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 1 } })).IsReplayed);
        clock.Advance(TimeSpan.FromHours(2));
        Assert.False((await SendAsync(organization, "k1", HttpMethod.Put, "/v1/leads/a", new { attributes = new { call_count = 1 } })).IsReplayed);
        Assert.Equal(1, await sidecar.Get<PurgeIdempotencyKeys>().RunOnceAsync(CancellationToken.None));
        Assert.Equal(1, await sidecar.CountAsync("select count(*) from idempotency_keys"));
    }

    [Fact]
    public async Task Send_ToAnotherReplica_IsAnsweredAlike()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>
        {
            ["LeadScoring:Data"] = sidecar.Data, ["LeadScoring:Database"] = sidecar.Get<Database>().Setting, ["LeadScoring:Scoring:RescoreChangedLeads"] = "false", ["LeadScoring:Training:RunHere"] = "false", ["LeadScoring:Jobs:RunHere"] = "false",
        });
        builder.WebHost.UseTestServer();
        builder.Services.AddSingleton<TimeProvider>(clock);
        await using var replica = builder.Build();
        replica.MapSlices();
        await replica.StartAsync();
        var client = replica.GetTestClient();
        client.DefaultRequestHeaders.Authorization = organization.Client.DefaultRequestHeaders.Authorization;
        var body = new { name = "n8n", scope = "score" };
        var first = await SendAsync(organization, "k", HttpMethod.Post, "/v1/keys", body);
        var second = await SendAsync(client, "k", HttpMethod.Post, "/v1/keys", body);
        Assert.Equal((HttpStatusCode.Created, true, first.Text), (second.Status, second.IsReplayed, second.Text));
        Assert.Equal(2, await KeysAsync(organization));
    }

    [Fact]
    public async Task OpenApi_EveryWrite_DocumentsTheHeader()
    {
        var document = JsonElement.Parse(await sidecar.Anonymous().GetStringAsync("/openapi/v1.json"));
        var checkedWrites = 0;
        foreach (var path in document.GetProperty("paths").EnumerateObject().Where(p => p.Name.StartsWith("/v1/", StringComparison.Ordinal)))
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var isDocumented = operation.Value.TryGetProperty("parameters", out var parameters) && parameters.EnumerateArray().Any(p => p.Text("name") == Idempotency.Header);
                // Vendors send what they send; their notices are told apart by the ids in them.
                var takesHeader = operation.Name is "post" or "put" or "delete" && path.Name != "/v1/inbound/{connector}";
                Assert.True(isDocumented == takesHeader, $"{operation.Name} {path.Name}");
                if (isDocumented) checkedWrites++;
            }
        }

        Assert.True(checkedWrites > 20, $"Only {checkedWrites} writes?");
    }

    /// <summary>A body of which the second half comes when it is told to.</summary>
    private sealed class SlowContent(string text) : HttpContent
    {
        private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal Task Started => started.Task;

        internal void GoOn() => goOn.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            await stream.WriteAsync(bytes.AsMemory(0, 5));
            await stream.FlushAsync();
            started.SetResult();
            await goOn.Task;
            await stream.WriteAsync(bytes.AsMemory(5));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            Headers.ContentType = new("application/json");
            return false;
        }
    }
}
