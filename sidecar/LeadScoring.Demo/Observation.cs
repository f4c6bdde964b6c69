using LeadScoring.Ml.Features;

namespace LeadScoring.Demo;

/// <summary>What can be observed of a lead up to its decision, in the sums that the likelihood needs. Read from events and attributes alone.</summary>
internal sealed class Observation
{
    private static readonly Dictionary<string, int> ProcessIndex = Index(Funnel.Processes);
    private static readonly Dictionary<string, int> ContentIndex = Index(Funnel.Contents);

    /// <summary>One e-mail: how long it has been out, and what was done with it.</summary>
    internal record struct Email(long WaitedMs, bool Opened, bool Clicked);

    internal long DecisionMs { get; private init; }

    /// <summary>Whole days of exposure before the decision.</summary>
    internal int Days { get; private init; }

    /// <summary>Whether visits are recorded at all: a tracked lead has at least the visit that it came by.</summary>
    internal bool Tracked => Visits > 0;

    /// <summary>Visits, the first one included.</summary>
    internal int Visits { get; private set; }

    /// <summary>Events by process, without the visit that the lead came by. Length: processes.</summary>
    internal int[] ProcessCounts { get; } = new int[Funnel.Processes.Length];

    /// <summary>Counts by content of visits. Length: contents.</summary>
    internal int[] ContentCounts { get; } = new int[Funnel.Contents.Length];

    /// <summary>Sum over process events of the weeks before the decision.</summary>
    internal double WeeksBefore { get; private set; }

    internal List<Email> Emails { get; } = [];

    /// <summary>Position in <see cref="Funnel.Incomes"/>; -1 when unknown.</summary>
    internal int Income { get; private init; }

    /// <summary>Reads what was known by the decision: events up to it, each id once.</summary>
    internal static Observation Read(
        IReadOnlyList<DemoDelivery> deliveries, IReadOnlyDictionary<string, AttributeValue> attributes, long createdAtMs, long decisionMs)
    {
        var seen = new Observation
        {
            DecisionMs = decisionMs,
            Days = (int)((decisionMs - createdAtMs) / Funnel.DayMs),
            Income = attributes.TryGetValue("income_bracket", out var income) ? Array.IndexOf(Funnel.Incomes, income.AsText()) : -1,
        };
        var ids = new HashSet<string>(deliveries.Count, StringComparer.Ordinal);
        var mails = new Dictionary<string, Email>(StringComparer.Ordinal);
        long pages = 0;
        foreach (var (e, _) in deliveries)
        {
            if (e.OccurredAtMs > decisionMs || !ids.Add(e.EventId)) continue;
            if (ProcessIndex.TryGetValue(e.Type, out var process)) pages += seen.AddProcess(process, e);
            else if (ContentIndex.TryGetValue(e.Type, out var content)) seen.ContentCounts[content]++;
            else AddEmail(mails, e, decisionMs);
        }

        // A page is the first of a visit, a property, or another one.
        seen.ContentCounts[^1] = (int)pages - seen.Visits - seen.ContentCounts[0];
        // Values only and in order of time: sums of floating-point numbers must not depend on the order of arrival.
        seen.Emails.AddRange(mails.Values.OrderByDescending(m => m.WaitedMs));
        return seen;
    }

    private int AddProcess(int process, ActivityEvent e)
    {
        var day = (int)((DecisionMs - e.OccurredAtMs) / Funnel.DayMs);
        // The visit that the lead came by lies before the days of exposure: everyone has it.
        if (day < Days)
        {
            ProcessCounts[process]++;
            WeeksBefore += day / 7.0;
        }

        if (process != 0) return 0;
        Visits++;
        return (int)e.Properties!["pages"].AsNumber();
    }

    private static void AddEmail(Dictionary<string, Email> mails, ActivityEvent e, long decisionMs)
    {
        var id = e.Properties!["message_id"].AsText()!;
        var mail = mails.GetValueOrDefault(id);
        mails[id] = e.Type switch
        {
            EventTypes.EmailSent => mail with { WaitedMs = decisionMs - e.OccurredAtMs },
            EventTypes.EmailOpened => mail with { Opened = true },
            _ => mail with { Clicked = true },
        };
    }

    private static Dictionary<string, int> Index(Activity[] activities) =>
        activities.Select((a, i) => (a.Type, i)).Where(p => p.Type.Length > 0).ToDictionary(p => p.Type, p => p.i, StringComparer.Ordinal);
}
