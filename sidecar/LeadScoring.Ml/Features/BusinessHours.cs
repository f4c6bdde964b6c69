namespace LeadScoring.Ml.Features;

/// <summary>A stretch of one day of the week in which the organization is open.</summary>
/// <param name="Day">Monday = 0.</param>
/// <param name="FromMinute">First minute of the day, 0 to 1439.</param>
/// <param name="ToMinute">Minute at which it closes, after <paramref name="FromMinute"/>, at most 1440.</param>
public readonly record struct OpenInterval(int Day, int FromMinute, int ToMinute);

/// <summary>Business hours of the organization, in its zone. Immutable.</summary>
public sealed class BusinessHours
{
    private const int DayMinutes = 1440;

    /// <summary>Monday to Friday, 9 to 18.</summary>
    public static readonly BusinessHours Default = Daily(9, 18, [0, 1, 2, 3, 4]);

    /// <summary>Takes intervals in any order; those that touch or overlap become one.</summary>
    /// <exception cref="ArgumentException">An interval is empty or outside its day.</exception>
    public BusinessHours(IEnumerable<OpenInterval> intervals)
    {
        var merged = new List<OpenInterval>();
        foreach (var next in intervals.OrderBy(i => i.Day).ThenBy(i => i.FromMinute))
        {
            if (next.Day is < 0 or > 6 || next.FromMinute < 0 || next.ToMinute > DayMinutes || next.FromMinute >= next.ToMinute)
                throw new ArgumentException($"Day {next.Day}, minutes {next.FromMinute} to {next.ToMinute}: no stretch of a day.");
            if (merged.Count > 0 && merged[^1] is var last && last.Day == next.Day && last.ToMinute >= next.FromMinute)
                merged[^1] = last with { ToMinute = Math.Max(last.ToMinute, next.ToMinute) };
            else merged.Add(next);
        }

        Intervals = merged;
    }

    /// <summary>Open stretches by day and time; they neither touch nor overlap.</summary>
    public IReadOnlyList<OpenInterval> Intervals { get; }

    /// <summary>The same hours on several days.</summary>
    /// <exception cref="ArgumentException">The hours are not in 0..24 or do not ascend, or a day is not in 0..6.</exception>
    public static BusinessHours Daily(int fromHour, int toHour, IEnumerable<int> days) => new(days.Distinct().Select(day => new OpenInterval(day, fromHour * 60, toHour * 60)));

    /// <summary>Whether the organization is open all the time from one minute of a day to another (exclusive).</summary>
    public bool IsOpen(int day, int fromMinute, int toMinute)
    {
        foreach (var interval in Intervals)
        {
            if (interval.Day == day && interval.FromMinute <= fromMinute && toMinute <= interval.ToMinute) return true;
        }

        return false;
    }
}
