using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Events;

namespace LeadScoring.Sidecar.Tests.Events;

/// <summary>Backfills: any number of events as lines.</summary>
[Trait("Category", "Slow")]
public sealed class EventStreamTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static string Line(int i, string lead = "l", string type = "page_view") =>
        $$"""{"event_id":"e{{i}}","lead_id":"{{lead}}{{i % 50}}","type":"{{type}}","source":"website","occurred_at":{{1_760_000_000_000 + (i * 1_000L)}}}""";

    private static async Task<(HttpStatusCode Status, JsonElement[] Lines)> SendAsync(TestOrganization organization, HttpContent content, CancellationToken cancellationToken = default)
    {
        content.Headers.ContentType = new("application/x-ndjson");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/events") { Content = content };
        using var response = await organization.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return (response.StatusCode, [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonElement.Parse(l))]);
    }

    [Fact]
    public async Task Stream_GoodBadAndRepeatedLines_StoresTheGoodOnceAndNamesTheBad()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var lines = new List<string>();
        for (var i = 0; i < 4_500; i++) lines.Add(Line(i));
        lines[10] = "{not json";
        lines[11] = Line(11, type: "Not A Type");
        lines[12] = Line(9);
        lines[13] = "";
        lines[14] = "[]";
        lines[4_400] = Line(4_400).Replace("}", ",\"organization_id\":\"somebody-else\"}", StringComparison.Ordinal);
        for (var again = 0; again < 2; again++)
        {
            var (status, answers) = await SendAsync(organization, new StringContent(string.Join('\n', lines)));
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.Equal([11, 12, 15, 4_401], answers.Where(a => a.Text("status") == "rejected").Select(a => a.Int("line")));
            Assert.Contains("JSON", answers[0].GetProperty("errors")[0].Text("detail"));
            Assert.Equal("/11/type", answers[1].GetProperty("errors")[0].Text("pointer"));
            // Whole batches on the way, and the sums at the end.
            Assert.Equal(["stored", "stored", "done"], answers.Where(a => a.Text("status") != "rejected").Select(a => a.Text("status")));
            var done = answers[^1];
            Assert.Equal((4_500, again == 0 ? 4_494 : 0, again == 0 ? 1 : 4_495, 4), (done.Int("line"), done.Int("accepted"), done.Int("duplicate"), done.Int("rejected")));
        }

        Assert.Equal(4_494, (await organization.EventsAsync()).Count);
        await organization.AssertStatesEqualReplayAsync();
    }

    [Fact]
    public async Task Stream_ManyBadLines_TellsTheFirstThousandAndCountsAll()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, answers) = await SendAsync(organization, new StringContent(string.Join('\n', Enumerable.Repeat("{}", 3_000))));
        Assert.Equal(1_000, answers.Count(a => a.Text("status") == "rejected"));
        Assert.Equal(("done", 3_000), (answers[^1].Text("status"), answers[^1].Int("rejected")));
        Assert.Equal((HttpStatusCode.OK, 0), ((await SendAsync(organization, new StringContent(""))) is var (status, none) ? status : 0, none[^1].Int("accepted")));
    }

    /// <summary>The sender dies in the middle: whole batches are stored, and the same stream again stores the rest, nothing twice.</summary>
    [Fact]
    public async Task Stream_ConnectionBreaks_WholeBatchesStayAndTheRestCanBeSentAgain()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var all = Enumerable.Range(0, 9_000).Select(i => Line(i)).ToArray();
        using var gone = new CancellationTokenSource();
        var sending = SendAsync(organization, new EndlessContent(all.Take(5_100)), gone.Token);
        var stored = 0;
        for (var waits = 0; waits < 1_000 && stored < 4_000; waits++)
        {
            await Task.Delay(10);
            stored = (await organization.EventsAsync()).Count;
        }

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
        stored = (await organization.EventsAsync()).Count;
        Assert.Equal(4_000, stored);
        var (_, answers) = await SendAsync(organization, new StringContent(string.Join('\n', all)));
        Assert.Equal(("done", 9_000), (answers[^1].Text("status"), answers[^1].Int("accepted") + answers[^1].Int("duplicate")));
        Assert.Equal(9_000, (await organization.EventsAsync()).Count);
        await organization.AssertStatesEqualReplayAsync();
    }

    /// <summary>120,000 lines: what stays in memory is a batch, whatever the length.</summary>
    [Fact]
    public async Task Stream_Long_MemoryStaysFlat()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var heaps = new List<long>();
        IEnumerable<string> Lines()
        {
            for (var i = 0; i < 120_000; i++)
            {
                if (i % 20_000 == 19_999) heaps.Add(GC.GetTotalMemory(forceFullCollection: true));
                yield return Line(i);
            }
        }

        var (_, answers) = await SendAsync(organization, new LinesContent(Lines()));
        Assert.Equal(120_000, answers[^1].Int("accepted"));
        Assert.True(heaps[^1] < heaps[0] + 20_000_000, $"Live memory in MB: {string.Join(", ", heaps.Select(h => h / 1_000_000))}");
    }

    private class LinesContent(IEnumerable<string> lines) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            foreach (var line in lines) await stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>Sends its lines and then neither more nor an end.</summary>
    private sealed class EndlessContent(IEnumerable<string> lines) : LinesContent(lines)
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await base.SerializeToStreamAsync(stream, context);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}

/// <summary>Too much at once is turned away before it is read.</summary>
public sealed class IngestionGateTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = new();

    public Task InitializeAsync()
    {
        sidecar.Settings["LeadScoring:Events:MaxQueuedLeads"] = "3";
        sidecar.Settings["LeadScoring:Events:MaxPendingBytes"] = "1000000";
        return sidecar.InitializeAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static StringContent Event(int i, string contentType = "application/json") =>
        new($$"""{"event_id":"e{{i}}","lead_id":"l{{i}}","type":"chat","source":"website","occurred_at":1760000000000}""", Encoding.UTF8, contentType);

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/x-ndjson")]
    public async Task Post_QueueBeyondItsBound_Is429WithRetryAfterUntilItIsShorter(string contentType)
    {
        var (organization, other) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        for (var i = 0; i < 4; i++) await organization.PutLeadAsync("l" + i, new { x = i });
        using var refused = await organization.Client.PostAsync("/v1/events", Event(9, contentType));
        Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(5)), (refused.StatusCode, refused.Headers.RetryAfter?.Delta));
        Assert.Equal("/problems/too-much-at-once", JsonElement.Parse(await refused.Content.ReadAsStringAsync()).Text("type"));
        Assert.Empty(await organization.EventsAsync());
        // Another organization is not held up by this one's queue.
        using var taken = await other.Client.PostAsync("/v1/events", Event(1, contentType));
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        while (await sidecar.Get<LeadScoring.Sidecar.Scoring.RescoreChangedLeads>().RunOnceAsync(CancellationToken.None) > 0)
        {
        }

        var status = HttpStatusCode.TooManyRequests;
        for (var waits = 0; waits < 500 && status != HttpStatusCode.OK; waits++)
        {
            await Task.Delay(10);
            status = (await organization.Client.PostAsync("/v1/events", Event(9, contentType))).StatusCode;
        }

        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task Enter_MoreBytesThanTheBound_IsRefusedUntilOthersAreDone()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var gate = sidecar.Get<IngestionGate>();
        using (await gate.EnterAsync(organization.Id, 900_000, CancellationToken.None))
        {
            using var refused = await organization.Client.PostAsync("/v1/events", new StringContent(new string(' ', 200_000) + "{}", Encoding.UTF8, "application/json"));
            Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(1)), (refused.StatusCode, refused.Headers.RetryAfter?.Delta));
            using var small = await organization.Client.PostAsync("/v1/events", Event(1));
            Assert.Equal(HttpStatusCode.OK, small.StatusCode);
        }

        // A single request is never larger than what is free when nothing else is under way; and what left has left once.
        (await gate.EnterAsync(organization.Id, 5_000_000, CancellationToken.None)).Dispose();
        (await gate.EnterAsync(organization.Id, 1_000_000, CancellationToken.None)).Dispose();
    }
}
