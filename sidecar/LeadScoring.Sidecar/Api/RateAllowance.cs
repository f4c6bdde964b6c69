namespace LeadScoring.Sidecar.Api;

/// <summary>A steady rate with a burst of one second's (or minute's) worth, in one number: the moment until which everything is spent. No lock, nothing allocated.</summary>
/// <remarks>The generic cell rate algorithm, as a token bucket that nobody has to fill.</remarks>
internal sealed class RateAllowance
{
    private long spentUntil;

    /// <summary>Takes one of <paramref name="count"/> a <paramref name="per"/>.</summary>
    /// <param name="now">Ticks of <see cref="TimeProvider.GetTimestamp"/>.</param>
    /// <param name="count">How many in that time, at once or evenly; 0: no limit.</param>
    /// <param name="per">The time, in the same ticks.</param>
    /// <returns>0 when it was there to be taken; else the ticks until one is.</returns>
    internal long Take(long now, long count, long per)
    {
        if (count == 0) return 0;
        var step = Math.Max(1, per / count);
        while (true)
        {
            var before = Volatile.Read(ref spentUntil);
            var after = Math.Max(before, now) + step;
            if (after - now > per) return after - now - per;
            if (Interlocked.CompareExchange(ref spentUntil, after, before) == before) return 0;
        }
    }

    /// <summary>Whether one is there, without taking it; as <see cref="Take"/>.</summary>
    internal long Look(long now, long count, long per)
    {
        if (count == 0) return 0;
        var after = Math.Max(Volatile.Read(ref spentUntil), now) + Math.Max(1, per / count);
        return Math.Max(0, after - now - per);
    }

    /// <summary>Whether nothing of it is spent any more: as good as new.</summary>
    internal bool IsFull(long now) => Volatile.Read(ref spentUntil) <= now;
}
