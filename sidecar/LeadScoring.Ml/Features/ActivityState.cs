namespace LeadScoring.Ml.Features;

/// <summary>
/// Everything that a lead's events say, in numbers that can be added: the only thing that turns events into features.
/// </summary>
/// <remarks>
/// <para>A commutative fold over a set of events: sums, minima, maxima and set unions of integers only, and what follows from those, so any order and any
/// batching of the same events give the same state, bit for bit (<see cref="ToBytes"/> is canonical). Telling a repeated event from a new one
/// is the caller's duty (the event id is the key of the event store); <see cref="Replay"/> does it for a list.</para>
/// <para>Live traffic folds event by event; training replays the same fold up to a cut-off. Not thread-safe.</para>
/// </remarks>
public sealed class ActivityState
{
    /// <summary>Grows when the same events give another state than before: stored states are then folded anew.</summary>
    public const int FoldVersion = 3;

    /// <summary>Length of a day in milliseconds.</summary>
    public const long DayMs = 86_400_000;

    private const long SlotMs = 1_800_000;
    private const double MaxDurationSeconds = 86_400;
    private const double MaxPages = 10_000;

    // Lists, because extraction reads them without allocating; new days come last, and types are few.
    internal readonly SortedList<string, TypeTally> types = new(StringComparer.Ordinal);
    internal readonly SortedSet<long> visits = [];
    internal readonly SortedList<int, int> days = [];
    internal readonly int[] hoursOfWeek = new int[168];

    // Most leads never answer anything: made with the first response.
    internal int[]? responseHours;

    // Opens and clicks, bursts included. What counts of them stands in the other figures too, so that reading costs nothing.
    internal readonly EmailTouches touches = new();

    // First and last of own activity other than opens and clicks: a burst found out later takes its moments back.
    internal long firstOtherMs = long.MaxValue;
    internal long lastOtherMs = long.MinValue;

    /// <summary>How often one type occurred, and when first and last (Unix ms).</summary>
    public readonly record struct TypeTally(int Count, long FirstMs, long LastMs);

    /// <summary>Number of events folded, bots and bursts left out.</summary>
    public int Events { get; internal set; }

    /// <summary>Events that are a machine's by themselves (<see cref="BotSignature"/>): kept in the store, not counted in any feature.</summary>
    public int BotEvents { get; internal set; }

    /// <summary>Opens and clicks faster than a person can: kept in the store, not counted in any feature.</summary>
    public int BurstEvents
    {
        get
        {
            var sum = 0;
            for (var i = 0; i < touches.at.Count; i++) sum += touches.IsBurst(i) ? touches.at.Values[i].Sum : 0;
            return sum;
        }
    }

    /// <summary>Why an event of this lead, folded here, does not count; null when it does.</summary>
    public BotReason? WhyNotCounted(ActivityEvent e) =>
        BotSignature.Of(e) ?? (EmailTouches.Takes(e.Type) && touches.IsBurst(e.OccurredAtMs) ? BotReason.Burst : null);

    /// <summary>Distinct website visits: by session_id where the events bring one, else by half-hour slot.</summary>
    public int Visits => visits.Count;

    /// <summary>Pages seen: pages of whole visits plus single page views.</summary>
    public long Pages { get; internal set; }

    /// <summary>Milliseconds spent on the site.</summary>
    public long TimeOnSiteMs { get; internal set; }

    /// <summary>First moment of the lead's own activity, Unix ms; <see cref="long.MaxValue"/> when there is none.</summary>
    public long FirstOwnMs { get; internal set; } = long.MaxValue;

    /// <summary>Last moment of the lead's own activity, Unix ms; <see cref="long.MinValue"/> when there is none.</summary>
    public long LastOwnMs { get; internal set; } = long.MinValue;

    /// <summary>True when nothing has been folded.</summary>
    public bool IsEmpty => Events == 0 && BotEvents == 0 && touches.at.Count == 0;

    /// <summary>Own activity per hour of the week in UTC, Monday 00:00 first. Length 168.</summary>
    public ReadOnlySpan<int> HoursOfWeek => hoursOfWeek;

    /// <summary>Those of <see cref="HoursOfWeek"/> that were responses (<see cref="EventTypes.Responses"/>). Length 168, or empty when there are none.</summary>
    public ReadOnlySpan<int> ResponseHoursOfWeek => responseHours;

    /// <summary>The tally of one event type; zero count when it never occurred.</summary>
    public TypeTally Tally(string type) => types.TryGetValue(type, out var tally) ? tally : default;

    /// <summary>All event types seen, in ordinal order.</summary>
    public IEnumerable<KeyValuePair<string, TypeTally>> Types => types;

    /// <summary>Own activity from <paramref name="firstDay"/> to <paramref name="lastDay"/>, both included, in days since 1970-01-01 UTC.</summary>
    public int OwnEventsBetween(int firstDay, int lastDay)
    {
        var sum = 0;
        for (var i = days.Count - 1; i >= 0; i--)
        {
            var day = days.GetKeyAtIndex(i);
            if (day < firstDay) break;
            if (day <= lastDay) sum += days.GetValueAtIndex(i);
        }

        return sum;
    }

    /// <summary>Own activity of each of the weeks that end with a day, oldest first.</summary>
    internal void CountOwnEventsByWeek(int lastDay, Span<double> counts)
    {
        counts.Clear();
        for (var i = days.Count - 1; i >= 0; i--)
        {
            var age = (long)lastDay - days.GetKeyAtIndex(i);
            if (age >= 7L * counts.Length) break;
            if (age >= 0) counts[counts.Length - 1 - (int)(age / 7)] += days.GetValueAtIndex(i);
        }
    }

    /// <summary>Folds one event in. The caller has made sure that this event id was not folded before.</summary>
    public void Fold(ActivityEvent e)
    {
        if (BotSignature.Of(e) is not null)
        {
            BotEvents++;
            return;
        }

        if (EmailTouches.Takes(e.Type))
        {
            FoldTouch(e.OccurredAtMs, e.Type == EventTypes.EmailOpened ? new EmailTouches.Touch(1, 0) : new EmailTouches.Touch(0, 1));
            TellEnds();
            return;
        }

        Events++;
        types[e.Type] = types.TryGetValue(e.Type, out var tally)
            ? new TypeTally(tally.Count + 1, Math.Min(tally.FirstMs, e.OccurredAtMs), Math.Max(tally.LastMs, e.OccurredAtMs))
            : new TypeTally(1, e.OccurredAtMs, e.OccurredAtMs);
        FoldVisit(e);
        if (EventTypes.IsOutbound(e.Type)) return;
        FoldOwn(e.OccurredAtMs);
        if (EventTypes.Responses.Contains(e.Type)) (responseHours ??= new int[168])[HourOfWeek(e.OccurredAtMs)]++;
    }

    /// <summary>Adds another state of the same lead, made from other events.</summary>
    public void Merge(ActivityState other)
    {
        // Two halves may make a burst together: opens and clicks are folded one moment at a time, the rest is added.
        other = other.WithoutTouches(out var others);
        Events += other.Events;
        BotEvents += other.BotEvents;
        Pages += other.Pages;
        TimeOnSiteMs += other.TimeOnSiteMs;
        firstOtherMs = Math.Min(firstOtherMs, other.firstOtherMs);
        lastOtherMs = Math.Max(lastOtherMs, other.lastOtherMs);
        foreach (var (type, b) in other.types)
        {
            types[type] = types.TryGetValue(type, out var a)
                ? new TypeTally(a.Count + b.Count, Math.Min(a.FirstMs, b.FirstMs), Math.Max(a.LastMs, b.LastMs))
                : b;
        }

        visits.UnionWith(other.visits);
        foreach (var (day, count) in other.days) days[day] = days.GetValueOrDefault(day) + count;
        for (var h = 0; h < hoursOfWeek.Length; h++) hoursOfWeek[h] += other.hoursOfWeek[h];
        if (other.responseHours is not null)
        {
            responseHours ??= new int[168];
            for (var h = 0; h < responseHours.Length; h++) responseHours[h] += other.responseHours[h];
        }

        foreach (var (ms, touch) in others) FoldTouch(ms, touch);
        TellEnds();
    }

    /// <summary>Folds a list up to and including <paramref name="asOfMs"/>; later events and repeated event ids are left out.</summary>
    public static ActivityState Replay(IEnumerable<ActivityEvent> events, long asOfMs)
    {
        var state = new ActivityState();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in events)
        {
            if (e.OccurredAtMs <= asOfMs && seen.Add(e.EventId)) state.Fold(e);
        }

        return state;
    }

    /// <summary>Canonical bytes: equal states give equal bytes.</summary>
    public byte[] ToBytes() => ActivityStateCodec.Write(this);

    /// <summary>Reads what <see cref="ToBytes"/> wrote; empty input is the empty state.</summary>
    /// <exception cref="FormatException">Unknown version or broken bytes.</exception>
    public static ActivityState FromBytes(ReadOnlySpan<byte> bytes) => ActivityStateCodec.Read(bytes);

    private void FoldVisit(ActivityEvent e)
    {
        if (!EventTypes.Website.Contains(e.Type)) return;
        var session = e.Property("session_id").AsText();
        // Hash keys are made negative, slots are positive: they cannot meet.
        visits.Add(session is null ? Math.Max(0, e.OccurredAtMs) / SlotMs : StableHash.Of(session) | long.MinValue);
        if (e.Type == EventTypes.PageView) Pages++;
        else if (e.Type == EventTypes.Session) Pages += (long)Bounded(e.Property("pages").AsNumber(), MaxPages);
        if (e.Type is EventTypes.PageView or EventTypes.Session)
            TimeOnSiteMs += (long)Math.Round(Bounded(e.Property("duration_seconds").AsNumber(), MaxDurationSeconds) * 1000);
    }

    private void FoldOwn(long atMs)
    {
        firstOtherMs = Math.Min(firstOtherMs, atMs);
        lastOtherMs = Math.Max(lastOtherMs, atMs);
        FirstOwnMs = Math.Min(FirstOwnMs, atMs);
        LastOwnMs = Math.Max(LastOwnMs, atMs);
        CountOwn(atMs, 1);
    }

    private void CountOwn(long atMs, int times)
    {
        var day = DayOf(atMs);
        if (days.GetValueOrDefault(day) + times is var sum and not 0) days[day] = sum;
        else days.Remove(day);
        hoursOfWeek[HourOfWeek(atMs)] += times;
    }

    /// <summary>Takes back what may be a burst now, adds the moment, and counts again what is none. <see cref="TellEnds"/> follows.</summary>
    private void FoldTouch(long atMs, EmailTouches.Touch touch)
    {
        CountTouches(atMs, -1);
        touches.Add(atMs, touch);
        CountTouches(atMs, 1);
    }

    private void CountTouches(long atMs, int sign)
    {
        var (from, to) = touches.Around(atMs);
        CountTouches(from, to, sign);
    }

    private void CountTouches(int from, int to, int sign)
    {
        for (var i = from; i < to; i++)
        {
            if (touches.IsBurst(i)) continue;
            var touch = touches.at.Values[i];
            Events += sign * touch.Sum;
            CountTouches(EventTypes.EmailOpened, sign * touch.Opens);
            CountTouches(EventTypes.EmailClicked, sign * touch.Clicks);
            CountOwn(touches.at.Keys[i], sign * touch.Sum);
        }
    }

    private void CountTouches(string type, int times)
    {
        if (times == 0) return;
        var tally = Tally(type);
        if (tally.Count + times == 0) types.Remove(type);
        else types[type] = tally with { Count = tally.Count + times };
    }

    /// <summary>First and last moments from what counts.</summary>
    private void TellEnds()
    {
        (FirstOwnMs, LastOwnMs) = (firstOtherMs, lastOtherMs);
        foreach (var type in (ReadOnlySpan<string>)[EventTypes.EmailOpened, EventTypes.EmailClicked])
        {
            int first = 0, last = touches.at.Count - 1;
            while (first <= last && !Counts(type, first)) first++;
            while (first <= last && !Counts(type, last)) last--;
            if (first > last || Tally(type) is not { Count: > 0 } tally) continue;
            types[type] = new TypeTally(tally.Count, touches.at.Keys[first], touches.at.Keys[last]);
            FirstOwnMs = Math.Min(FirstOwnMs, touches.at.Keys[first]);
            LastOwnMs = Math.Max(LastOwnMs, touches.at.Keys[last]);
        }
    }

    private bool Counts(string type, int position) =>
        (type == EventTypes.EmailOpened ? touches.at.Values[position].Opens : touches.at.Values[position].Clicks) > 0 && !touches.IsBurst(position);

    /// <summary>A copy without opens and clicks, and those.</summary>
    private ActivityState WithoutTouches(out KeyValuePair<long, EmailTouches.Touch>[] without)
    {
        without = [.. touches.at];
        if (without.Length == 0) return this;
        var copy = FromBytes(ToBytes());
        copy.CountTouches(0, copy.touches.at.Count, -1);
        return copy;
    }

    internal static int DayOf(long unixMs) => (int)Math.Clamp(Math.Floor((double)unixMs / DayMs), int.MinValue, int.MaxValue);

    /// <summary>Hour of the week in UTC, Monday 00:00 = 0. 1970-01-01 was a Thursday.</summary>
    internal static int HourOfWeek(long unixMs)
    {
        var hours = (long)Math.Floor(unixMs / 3_600_000.0) + 72;
        return (int)(((hours % 168) + 168) % 168);
    }

    private static double Bounded(double value, double max) => double.IsNaN(value) ? 0 : Math.Clamp(value, 0, max);
}
