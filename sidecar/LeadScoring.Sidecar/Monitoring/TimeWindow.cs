using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>A stretch of time that is looked at as one; windows of a length follow each other without overlap, for weeks from Monday on, UTC.</summary>
internal readonly record struct TimeWindow(int Days, long StartsAtMs)
{
    private const long FirstMonday = 4 * ActivityState.DayMs;

    internal long EndsAtMs => StartsAtMs + (Days * ActivityState.DayMs);

    internal TimeWindow Next => this with { StartsAtMs = EndsAtMs };

    /// <summary>The last window that is over by a moment.</summary>
    internal static TimeWindow LastClosed(int days, long nowMs)
    {
        var length = days * ActivityState.DayMs;
        return new TimeWindow(days, FirstMonday + ((((nowMs - FirstMonday) / length) - 1) * length));
    }

    public override string ToString() => $"{Moment.Of(StartsAtMs):yyyy-MM-dd} to {Moment.Of(EndsAtMs):yyyy-MM-dd}";
}
