namespace LeadScoring.Ml.Features;

/// <summary>Opens and clicks of one lead by millisecond, and which of them are bursts: a multiset, so no order of arrival matters.</summary>
/// <remarks>
/// A burst is three or more opens, or three or more clicks, within less than a second; every open and click of that second belongs to it. E-mail security
/// scanners follow all links of a mail at once; two are left to people, who double-click. Moments on a whole minute come from sources that
/// write no seconds: of those nothing is known, so they are never a burst.
/// </remarks>
internal sealed class EmailTouches
{
    internal const int BurstSize = 3;
    internal const long WindowMs = 1_000;
    private const long MinuteMs = 60_000;

    /// <summary>Opens and clicks of one millisecond.</summary>
    internal readonly record struct Touch(int Opens, int Clicks)
    {
        internal int Sum => Opens + Clicks;
    }

    internal readonly SortedList<long, Touch> at = [];

    internal static bool Takes(string type) => type is EventTypes.EmailOpened or EventTypes.EmailClicked;

    internal void Add(long ms, Touch touch)
    {
        var known = at.GetValueOrDefault(ms);
        at[ms] = new Touch(known.Opens + touch.Opens, known.Clicks + touch.Clicks);
    }

    /// <summary>Positions whose being a burst may hang on a moment: first included, last not.</summary>
    internal (int From, int To) Around(long ms) =>
        (ms < long.MinValue + WindowMs ? 0 : FirstFrom(ms - WindowMs + 1), ms > long.MaxValue - WindowMs ? at.Count : FirstFrom(ms + WindowMs));

    internal bool IsBurst(int position)
    {
        var keys = at.Keys;
        var own = keys[position];
        if (own % MinuteMs == 0) return false;
        // Every window that holds the moment begins at one of the moments before it, or at itself.
        for (var first = position; first >= 0 && IsWithin(keys[first], own); first--)
        {
            if (keys[first] % MinuteMs == 0) continue;
            int opens = 0, clicks = 0;
            for (var i = first; i < keys.Count && IsWithin(keys[first], keys[i]); i++)
            {
                if (keys[i] % MinuteMs == 0) continue;
                opens += at.Values[i].Opens;
                clicks += at.Values[i].Clicks;
                if (opens >= BurstSize || clicks >= BurstSize) return true;
            }
        }

        return false;
    }

    internal bool IsBurst(long ms) => at.IndexOfKey(ms) is >= 0 and var position && IsBurst(position);

    // Unsigned: the distance of two moments may be more than a long holds.
    private static bool IsWithin(long earlier, long later) => (ulong)(later - earlier) < WindowMs;

    private int FirstFrom(long ms)
    {
        int low = 0, high = at.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (at.Keys[middle] < ms) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
