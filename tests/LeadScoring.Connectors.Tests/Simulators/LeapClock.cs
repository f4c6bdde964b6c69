namespace LeadScoring.Connectors.Tests.Simulators;

/// <summary>A clock that stands, and leaps to the end of whatever is waited for: waits take no time and are remembered.</summary>
internal sealed class LeapClock : TimeProvider
{
    private readonly Lock state = new();
    private readonly List<TimeSpan> waits = [];
    private DateTimeOffset now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    internal IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (state) return [.. waits];
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (state) return now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    internal void Advance(TimeSpan by)
    {
        lock (state) now += by;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(LeapClock clock, TimerCallback callback, object? argument) : ITimer
    {
        private int disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == Timeout.InfiniteTimeSpan) return true;
            lock (clock.state)
            {
                clock.waits.Add(dueTime);
                clock.now += dueTime;
            }

            ThreadPool.QueueUserWorkItem(_ =>
            {
                if (Volatile.Read(ref disposed) == 0) callback(argument);
            });
            return true;
        }

        public void Dispose() => Volatile.Write(ref disposed, 1);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
