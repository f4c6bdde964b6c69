namespace LeadScoring.Connectors.Http;

/// <summary>Who asks: what people and reps wait for goes before what can wait.</summary>
public enum RequestPriority
{
    /// <summary>Reading in bulk: leaves the reserve of the day alone.</summary>
    Background,

    /// <summary>Write-back and checks: may use the reserve.</summary>
    Foreground,
}

/// <summary>
/// Token bucket of an account: so many requests a second with a burst, so many a day, and the pauses that the vendor asks for. One for all requests of the account in this process.
/// </summary>
/// <remarks>Requests of the day count from midnight UTC. What other processes used is learned from the vendor's headers (<see cref="Learn"/>) and from what was stored (<see cref="Restore"/>).</remarks>
public sealed class RequestBudget
{
    private readonly Lock state = new();
    private readonly string account;
    private readonly TimeProvider time;
    private readonly double perSecond;
    private readonly double burst;
    private readonly long? daily;
    private readonly long reserve;
    private double tokens;

    // By the timer, not the clock: that may be set.
    private long filledAt;
    private long pausedAt;
    private TimeSpan paused;
    private DateOnly day;
    private long used;

    /// <param name="account">Name of the account, for messages.</param>
    /// <param name="perSecond">Most requests a second in the long run; above 0.</param>
    /// <param name="burst">Most requests at once; at least 1.</param>
    /// <param name="daily">Most requests a day; null for no limit.</param>
    /// <param name="reserveShare">Share of the day that background requests leave alone; 0 to 0.9.</param>
    /// <param name="time">The clock.</param>
    public RequestBudget(string account, double perSecond, double burst, long? daily, double reserveShare, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(perSecond);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        if (reserveShare is < 0 or > 0.9 or double.NaN) throw new ArgumentOutOfRangeException(nameof(reserveShare), reserveShare, "0 to 0.9");
        (this.account, this.perSecond, this.burst, this.daily, this.time) = (account, perSecond, burst, daily, time);
        reserve = (long)((daily ?? 0) * reserveShare);
        // Not the whole burst: what the process before used of the rate, a moment ago when it was killed, nobody knows.
        (tokens, filledAt, day) = (1, time.GetTimestamp(), Today());
    }

    /// <summary>What is used.</summary>
    public BudgetStatus Status
    {
        get
        {
            lock (state)
            {
                BeginDay();
                return new BudgetStatus(used, daily, reserve, PauseLeft() is var left && left > TimeSpan.Zero ? time.GetUtcNow() + left : null);
            }
        }
    }

    /// <summary>Waits until a request may go out, and counts it.</summary>
    /// <param name="priority">Who asks.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is counted then.</param>
    /// <param name="cost">What it costs of the day; of the rate it is one.</param>
    /// <exception cref="ConnectorException">The day is used up: <see cref="ConnectorException.RetryAfter"/> leads to its end.</exception>
    public async ValueTask TakeAsync(RequestPriority priority, CancellationToken cancellationToken, int cost = 1)
    {
        while (true)
        {
            TimeSpan wait;
            lock (state)
            {
                wait = TryTake(priority, cost);
                if (wait == TimeSpan.Zero) return;
            }

            await Task.Delay(wait, time, cancellationToken);
        }
    }

    /// <summary>Nobody asks anything for a while: the vendor said so.</summary>
    /// <param name="pause">From now; at most an hour counts.</param>
    public void Pause(TimeSpan pause)
    {
        lock (state)
        {
            var bounded = TimeSpan.FromTicks(Math.Min(pause.Ticks, TimeSpan.TicksPerHour));
            if (bounded > PauseLeft()) (pausedAt, paused) = (time.GetTimestamp(), bounded);
        }
    }

    /// <summary>What the vendor says is left of the day, all processes together.</summary>
    /// <param name="left">Requests.</param>
    public void Learn(long left)
    {
        lock (state)
        {
            BeginDay();
            if (daily is { } limit) used = Math.Max(used, limit - Math.Max(0, left));
        }
    }

    /// <summary>What was used before this process started.</summary>
    /// <param name="onDay">The day that it was used on.</param>
    /// <param name="usedThen">Requests.</param>
    public void Restore(DateOnly onDay, long usedThen)
    {
        lock (state)
        {
            BeginDay();
            if (onDay == day) used = Math.Max(used, usedThen);
        }
    }

    private TimeSpan TryTake(RequestPriority priority, int cost)
    {
        BeginDay();
        var now = time.GetUtcNow();
        if (daily is { } limit && used + cost > limit - (priority == RequestPriority.Background ? reserve : 0))
            throw new ConnectorException(account, ConnectorFailure.RateLimited, "the daily budget is used up") { RetryAfter = Midnight(now) - now };
        var left = PauseLeft();
        if (left > RetryWait.LongestHeld) throw new ConnectorException(account, ConnectorFailure.RateLimited, "the vendor asked to be left alone") { RetryAfter = left };
        if (left > TimeSpan.Zero) return left;
        tokens = Math.Min(burst, tokens + (time.GetElapsedTime(filledAt).TotalSeconds * perSecond));
        filledAt = time.GetTimestamp();
        // Whole milliseconds upward, and never none: delays drop what is less, and a wait of nothing would spin.
        if (tokens < 1) return TimeSpan.FromMilliseconds(Math.Floor((1 - tokens) / perSecond * 1_000) + 1);
        tokens--;
        used += cost;
        return TimeSpan.Zero;
    }

    private TimeSpan PauseLeft() => paused == TimeSpan.Zero ? TimeSpan.Zero : paused - time.GetElapsedTime(pausedAt);

    private void BeginDay()
    {
        if (Today() is var today && today != day) (day, used) = (today, 0);
    }

    private DateOnly Today() => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    private static DateTimeOffset Midnight(DateTimeOffset now) => new(now.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
}
