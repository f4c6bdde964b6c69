using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>kill -9 of the real process between requests and retries: what was done under a key is done once.</summary>
[Trait("Category", "Server")]
public sealed class IdempotencyKillTests
{
    [Fact]
    public async Task Kill_InTheMiddle_RetriesWithTheSameKeysDoNothingTwice()
    {
        await using var sidecar = await KilledSidecar.CreateAsync();
        const int Senders = 4;
        var sent = new int[Senders];
        var (process, client) = await sidecar.ServeAsync();
        using (process)
        using (client)
        {
            var senders = Enumerable.Range(0, Senders).Select(s => CreateUntilItDiesAsync(client, s, sent)).ToArray();
            for (var waits = 0; waits < 3_000 && sent.Sum() < 60; waits++) await Task.Delay(10);
            process.Kill();
            await Task.WhenAll(senders);
        }

        Assert.True(sent.Sum() >= 60, $"Only {sent.Sum()} requests.");
        var (again, retrying) = await sidecar.ServeAsync();
        using (again)
        using (retrying)
        {
            for (var s = 0; s < Senders; s++)
            {
                // All that were answered, and the one that was under way: answered alike, done now, or known to be done.
                for (var n = 0; n <= sent[s]; n++)
                {
                    var (status, isReplayed) = await CreateAsync(retrying, s, n);
                    for (var waits = 0; n == sent[s] && status == HttpStatusCode.Conflict && waits < 400; waits++)
                    {
                        if (await IsLostAsync(retrying, s, n)) break;
                        await Task.Delay(100);
                        (status, isReplayed) = await CreateAsync(retrying, s, n);
                    }

                    if (n < sent[s]) Assert.Equal((HttpStatusCode.Created, true), (status, isReplayed));
                }
            }

            var names = (await retrying.GetFromJsonAsync<JsonElement>("/v1/keys")).GetProperty("keys").EnumerateArray().Select(k => k.Text("name")!).Where(n => n.StartsWith("made-", StringComparison.Ordinal)).ToArray();
            Assert.Equal(sent.Sum() + Senders, names.Length);
            Assert.Equal(names.Length, names.Distinct().Count());
        }
    }

    private static async Task CreateUntilItDiesAsync(HttpClient client, int sender, int[] sent)
    {
        try
        {
            for (; sent[sender] < 2_000; sent[sender]++) Assert.Equal((HttpStatusCode.Created, false), await CreateAsync(client, sender, sent[sender]));
        }
        catch (HttpRequestException)
        {
            // Killed, as planned.
        }
    }

    private static async Task<(HttpStatusCode Status, bool IsReplayed)> CreateAsync(HttpClient client, int sender, int n)
    {
        using var response = await SendAsync(client, sender, n);
        return (response.StatusCode, response.Headers.Contains(Idempotency.ReplayedHeader));
    }

    private static async Task<bool> IsLostAsync(HttpClient client, int sender, int n)
    {
        using var response = await SendAsync(client, sender, n);
        return (await response.Content.ReadAsStringAsync()).Contains("idempotency-answer-lost", StringComparison.Ordinal);
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, int sender, int n)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/keys") { Content = JsonContent.Create(new { name = $"made-{sender}-{n}", scope = "score" }) };
        request.Headers.Add(Idempotency.Header, $"{sender}-{n}");
        return client.SendAsync(request);
    }
}
