using System.Diagnostics;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>Redis may be dead, frozen, slow or emptied: it costs a few milliseconds at most, and comes back by itself.</summary>
[Trait("Category", "Server")]
public sealed class RedisCacheTests
{
    private static readonly byte[] Value = [1, 2, 3];

    // Far over what is promised (5 ms a call), as the machine may do other things; without the protection a call takes 5 s, or does not end.
    private static readonly TimeSpan FewMilliseconds = TimeSpan.FromMilliseconds(500);

    private static RedisCache Client(string address) => new(address, TimeSpan.FromMilliseconds(5), TimeProvider.System, NullLogger<RedisCache>.Instance);

    private static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), what);
            await Task.Delay(20);
        }
    }

    private static async Task StoredAsync(RedisCache cache, string key) => await UntilAsync(
        async () =>
        {
            cache.Set(key, Value, TimeSpan.FromMinutes(1));
            return (await cache.GetAsync(key)) is { } found && found.SequenceEqual(Value);
        },
        "Nothing is stored.");

    /// <summary>Longest of so many calls, and how many went to Redis at all.</summary>
    private static async Task<(TimeSpan Longest, int Asked)> CallAsync(RedisCache cache, int calls)
    {
        var (longest, asked) = (TimeSpan.Zero, 0);
        for (var i = 0; i < calls; i++)
        {
            if (!cache.IsOpen) asked++;
            var clock = Stopwatch.StartNew();
            await cache.GetAsync("a").AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            cache.Set("b", Value, TimeSpan.FromMinutes(1));
            if (clock.Elapsed > longest) longest = clock.Elapsed;
        }

        return (longest, asked);
    }

    [RedisFact]
    public async Task Set_ThenGet_FromAnotherProcessToo()
    {
        using var server = await RedisServer.StartAsync();
        using RedisCache one = Client(server.Address), two = Client(server.Address);
        await StoredAsync(one, "a");
        await UntilAsync(async () => await two.GetAsync("a") is not null, "The other one finds nothing.");
        Assert.Null(await one.GetAsync("nothing"));
        Assert.Equal(":1", (await server.SendAsync("EXISTS leadscoring:a"))[..2]);
        Assert.InRange(int.Parse((await server.SendAsync("TTL leadscoring:a"))[1..], System.Globalization.CultureInfo.InvariantCulture), 1, 60);
    }

    [RedisFact]
    public async Task Get_Frozen_CostsMillisecondsThenNothingAndRecovers()
    {
        using var server = await RedisServer.StartAsync();
        using var cache = Client(server.Address);
        await StoredAsync(cache, "a");
        server.Freeze();
        var (longest, asked) = await CallAsync(cache, 1_000);
        Assert.InRange(longest, TimeSpan.Zero, FewMilliseconds);
        Assert.True(cache.IsOpen);
        Assert.InRange(asked, 1, RedisCache.FailuresToOpen);
        // Open: not even a task is made.
        Assert.True(cache.GetAsync("a").IsCompletedSuccessfully);
        server.Thaw();
        await UntilAsync(async () => await cache.GetAsync("a") is not null, "It does not come back.");
    }

    [RedisFact]
    public async Task Get_FrozenWhileManyAsk_NobodyWaitsLong()
    {
        using var server = await RedisServer.StartAsync();
        using var cache = Client(server.Address);
        await StoredAsync(cache, "a");
        server.Freeze();
        var calls = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => CallAsync(cache, 50))));
        Assert.InRange(calls.Max(c => c.Longest), TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.True(cache.IsOpen);
        server.Thaw();
    }

    [RedisFact]
    public async Task Get_StoppedAndStartedAgain_RecoversEmpty()
    {
        using var server = await RedisServer.StartAsync();
        using var cache = Client(server.Address);
        await StoredAsync(cache, "a");
        server.Stop();
        var (longest, asked) = await CallAsync(cache, 1_000);
        Assert.InRange(longest, TimeSpan.Zero, FewMilliseconds);
        Assert.True(cache.IsOpen);
        Assert.InRange(asked, 1, RedisCache.FailuresToOpen);
        await server.RunAsync();
        await UntilAsync(() => Task.FromResult(!cache.IsOpen), "It does not come back.");
        Assert.Null(await cache.GetAsync("a"));
        await StoredAsync(cache, "a");
    }

    [RedisFact]
    public async Task Get_NeverThere_CostsNothing()
    {
        using var server = await RedisServer.StartAsync();
        server.Stop();
        using var cache = Client(server.Address);
        var (longest, asked) = await CallAsync(cache, 1_000);
        Assert.Equal(0, asked);
        Assert.InRange(longest, TimeSpan.Zero, FewMilliseconds);
        await server.RunAsync();
        await StoredAsync(cache, "a");
    }

    [RedisFact]
    public async Task Get_LateOnceInAWhile_StaysInUse()
    {
        using var server = await RedisServer.StartAsync();
        using var cache = Client(server.Address);
        await StoredAsync(cache, "a");
        for (var i = 0; i < 2 * RedisCache.FailuresToOpen; i++)
        {
            var failed = cache.Failed;
            server.Freeze();
            await cache.GetAsync("a");
            server.Thaw();
            Assert.Equal(failed + 1, cache.Failed);
            // Whatever waited is answered now; asked until one answer is in time again.
            await UntilAsync(async () => cache.IsOpen || await cache.GetAsync("a") is not null, "No answer.");
            if (cache.Failed > failed + 2) return;
        }

        Assert.False(cache.IsOpen);
    }
}
