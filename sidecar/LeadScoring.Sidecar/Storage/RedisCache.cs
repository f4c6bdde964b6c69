using System.Text;
using StackExchange.Redis;

namespace LeadScoring.Sidecar.Storage;

/// <summary>Redis, as long as it answers in time. A dead, slow or frozen one costs a few requests a few milliseconds each, and then nothing until it answers again.</summary>
/// <remarks>
/// Circuit breaker: after <see cref="FailuresToOpen"/> calls in a row that failed or took too long nobody asks any more; a probe in the background asks every
/// <see cref="ProbeEvery"/> and closes it. A success in between starts the count anew, so an answer that is late once in a while does not open it.
/// </remarks>
internal sealed class RedisCache : ISharedCache, IDisposable
{
    internal const int FailuresToOpen = 3;

    private const string Prefix = "leadscoring:";
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromMilliseconds(250);
    // Redis looks through all its keys.
    private static readonly TimeSpan LongestRemoval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromMilliseconds(100);

    private readonly ConfigurationOptions configuration;
    private readonly TimeSpan timeout;
    private readonly TimeProvider time;
    private readonly ILogger<RedisCache> logger;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task probing;
    private ConnectionMultiplexer? connection;
    private int failures;
    private volatile bool isOpen = true;

    /// <param name="address">Configuration string, host:port at the least.</param>
    /// <param name="timeout">Longest wait of one call.</param>
    /// <param name="time">For the probes.</param>
    /// <param name="logger">Told when the breaker opens and closes.</param>
    internal RedisCache(string address, TimeSpan timeout, TimeProvider time, ILogger<RedisCache> logger)
    {
        (this.timeout, this.time, this.logger) = (timeout, time, logger);
        configuration = ConfigurationOptions.Parse(address);
        configuration.AbortOnConnectFail = false;
        configuration.ConnectTimeout = 1_000;
        configuration.ConnectRetry = 1;
        configuration.KeepAlive = 5;
        // Open until the first probe has succeeded: nobody waits for a connection that is being made.
        probing = Task.Run(ProbeAsync);
    }

    /// <summary>True while nobody is sent to Redis.</summary>
    internal bool IsOpen => isOpen;

    /// <summary>Calls that failed or took too long, since the start.</summary>
    internal long Failed;

    public ValueTask<byte[]?> GetAsync(string key) => isOpen ? default : AskAsync(key);

    public void Set(string key, byte[] value, TimeSpan timeToLive)
    {
        if (isOpen || timeToLive <= TimeSpan.Zero) return;
        try
        {
            connection!.GetDatabase().StringSet(Prefix + key, value, timeToLive, flags: CommandFlags.FireAndForget);
        }
        catch (RedisException)
        {
            Fail();
        }
    }

    public async Task<bool> RemoveAsync(string prefix, CancellationToken cancellationToken)
    {
        if (isOpen) return false;
        var escaped = new StringBuilder(Prefix.Length + prefix.Length);
        foreach (var c in Prefix + prefix) (c is '*' or '?' or '[' or ']' or '^' or '\\' ? escaped.Append('\\') : escaped).Append(c);
        try
        {
            await RemoveMatchingAsync($"{escaped}*", cancellationToken).WaitAsync(LongestRemoval, time, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or RedisException or ObjectDisposedException)
        {
            Fail();
            return false;
        }
    }

    private async Task RemoveMatchingAsync(string pattern, CancellationToken cancellationToken)
    {
        var redis = connection!;
        foreach (var server in redis.GetEndPoints().Select(e => redis.GetServer(e)))
        {
            // The client waits for its pages while it goes on.
            var keys = await Task.Run(() => server.Keys(pattern: pattern, pageSize: 1_000).ToArray(), cancellationToken);
            if (keys.Length > 0) await redis.GetDatabase().KeyDeleteAsync(keys);
        }
    }

    public void Dispose()
    {
        stopping.Cancel();
        connection?.Dispose();
        stopping.Dispose();
    }

    private async ValueTask<byte[]?> AskAsync(string key)
    {
        try
        {
            byte[]? value = await connection!.GetDatabase().StringGetAsync(Prefix + key).WaitAsync(timeout);
            // Read before it is written: the line would else travel between the cores with every call.
            if (Volatile.Read(ref failures) != 0) Volatile.Write(ref failures, 0);
            return value;
        }
        catch (Exception e) when (e is TimeoutException or RedisException or ObjectDisposedException or TaskCanceledException)
        {
            Fail();
            return null;
        }
    }

    private void Fail()
    {
        Interlocked.Increment(ref Failed);
        if (Interlocked.Increment(ref failures) != FailuresToOpen) return;
        isOpen = true;
        StorageLog.RedisLeftAlone(logger, FailuresToOpen);
    }

    private async Task ProbeAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            if (isOpen && await AnswersAsync())
            {
                Volatile.Write(ref failures, 0);
                isOpen = false;
                StorageLog.RedisAnswers(logger);
            }

            await Task.Delay(ProbeEvery, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            connection ??= await ConnectionMultiplexer.ConnectAsync(configuration);
            await connection.GetDatabase().PingAsync().WaitAsync(ProbeTimeout);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or RedisException or ObjectDisposedException or TaskCanceledException)
        {
            return false;
        }
    }
}

internal static partial class StorageLog
{
    [LoggerMessage(40, LogLevel.Warning, "Redis did not answer {Times} times in a row: scoring goes on without it until it answers again")]
    internal static partial void RedisLeftAlone(ILogger logger, int times);

    [LoggerMessage(41, LogLevel.Information, "Redis answers")]
    internal static partial void RedisAnswers(ILogger logger);
}
