namespace LeadScoring.Ml.Features;

/// <summary>A zone's distance from UTC in whole hours. Remembers the last second that was asked for: leads of a batch share it. Thread-safe.</summary>
/// <remarks>A second, because no zone changes its offset within one: the answer is right on both sides of every change of the clocks.</remarks>
internal sealed class ZoneHours(TimeZoneInfo zone)
{
    private const int Bits = 8;

    // Second and hours in one number, so that they are read and written together; the hours are -14 to 14, kept as 114 to 142.
    private long remembered = long.MinValue;

    /// <summary>Offset at the moment, rounded to whole hours.</summary>
    /// <param name="atMs">Unix ms.</param>
    internal int ShiftAt(long atMs)
    {
        var second = Math.DivRem(atMs, 1_000).Quotient - (atMs % 1_000 < 0 ? 1 : 0);
        var known = Volatile.Read(ref remembered);
        if (known >> Bits == second) return (int)(known & ((1 << Bits) - 1)) - 128;
        var hours = (int)Math.Round(zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(atMs)).TotalHours);
        Volatile.Write(ref remembered, (second << Bits) | (long)(hours + 128));
        return hours;
    }
}
