using LeadScoring.Ml.Features;

namespace LeadScoring.Demo;

/// <summary>Writes the events of one lead from its hidden intent, as <see cref="Funnel"/> says.</summary>
internal sealed class Story(string leadId, long createdAtMs, long decisionMs, int days, int utcOffsetHours)
{
    private const long HalfHourMs = 1_800_000;

    // Weight of each local hour: people at their desks, people in the evening, and the hours in which phones are answered.
    private static readonly double[] DayHours = [.3, .1, .1, .1, .1, .3, 1, 2, 3, 4, 4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 1, 1, .5];
    private static readonly double[] EveningHours = [1, .4, .1, .1, .1, .2, .5, 1, 1, 1, 1, 1, 1.5, 1, 1, 1, 1.5, 2, 4, 6, 7, 6, 4, 2];
    private static readonly double[] PhoneHours = [0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 4, 4, 3, 3, 4, 4, 4, 4, 2, 1, 0, 0, 0, 0];

    private readonly List<ActivityEvent> events = new(32);
    private int sessions;

    /// <summary>The events so far, in no order.</summary>
    internal List<ActivityEvent> Events => events;

    /// <summary>Everything up to the decision.</summary>
    internal void WriteUntilDecision(ref DemoRandom random, double level, int slope, double drift, bool tracked, bool emailConsent)
    {
        var hours = random.NextBool(0.45) ? EveningHours : DayHours;
        if (tracked) AddVisit(ref random, createdAtMs, level, drift);
        Span<double> weights = stackalloc double[days];
        double exposure = 0;
        for (var d = 0; d < days; d++) exposure += weights[d] = Funnel.DayWeight(decisionMs, d) * Funnel.Decay[slope][d];
        for (var k = tracked ? 0 : 1; k < Funnel.Processes.Length; k++)
        {
            var process = Funnel.Processes[k];
            for (var n = random.NextPoisson(process.Mean(level, drift) * exposure); n > 0; n--)
            {
                var atMs = MomentOfDay(ref random, random.NextWeighted(weights), k >= 2 ? PhoneHours : hours);
                if (k == 0) AddVisit(ref random, atMs, level, drift);
                else Add(process.Type, process.Source, atMs, null);
            }
        }

        if (emailConsent) AddEmails(ref random, level, drift);
    }

    /// <summary>What goes on between decision and outcome: it follows the outcome, so it must never be a feature.</summary>
    internal void WriteAfterDecision(ref DemoRandom random, double level, double drift, bool tracked, DemoOutcome outcome)
    {
        // Days ahead are negative days back. The outcome is a week off at least.
        var daysAhead = (int)((outcome.OccurredAtMs - decisionMs) / Funnel.DayMs);
        if (outcome.Converted)
        {
            for (var n = random.NextPoisson(1.2); n > 0; n--) Add(EventTypes.ShowingRequest, "crm", Later(ref random, PhoneHours), null);
            for (var n = random.NextPoisson(1.0); n > 0; n--) Add(EventTypes.PhoneCall, "phone", Later(ref random, PhoneHours), null);
        }
        else if (tracked && random.NextBool(0.2))
        {
            AddVisit(ref random, Later(ref random, DayHours), level, drift);
        }

        long Later(ref DemoRandom source, double[] hours) => MomentOfDay(ref source, -1 - source.NextIndex(daysAhead), hours);
    }

    /// <summary>A visit and what is done in it, all within half an hour.</summary>
    private void AddVisit(ref DemoRandom random, long atMs, double level, double drift)
    {
        var id = AttributeValue.From($"{leadId}-s{++sessions}");
        Span<int> counts = stackalloc int[Funnel.Contents.Length];
        for (var k = 0; k < counts.Length; k++) counts[k] = random.NextPoisson(Funnel.Contents[k].Mean(level, drift));
        var pages = 1 + counts[0] + counts[^1];
        var seconds = Math.Min(1_700, Math.Round(20 + (pages * random.NextExponential(45))));
        Add(EventTypes.Session, "website", atMs, new Dictionary<string, AttributeValue>(3, StringComparer.Ordinal)
        {
            ["session_id"] = id,
            ["pages"] = AttributeValue.From((double)pages),
            ["duration_seconds"] = AttributeValue.From(seconds),
        });
        var inVisit = new Dictionary<string, AttributeValue>(1, StringComparer.Ordinal) { ["session_id"] = id };
        for (var k = 0; k < counts.Length - 1; k++)
            for (var n = counts[k]; n > 0; n--)
                Add(Funnel.Contents[k].Type, "website", atMs + (long)(random.NextUnit() * seconds * 1000), inVisit);
    }

    /// <summary>One e-mail a week from the day after the lead came.</summary>
    private void AddEmails(ref DemoRandom random, double level, double drift)
    {
        var open = Funnel.OpenProbability(level, drift);
        var click = Funnel.ClickProbability(level);
        var number = 0;
        for (var due = createdAtMs + Funnel.DayMs; ; due += 7 * Funnel.DayMs)
        {
            var sentMs = due + random.NextIndex(7_200_000);
            if (sentMs >= decisionMs) return;
            var message = new Dictionary<string, AttributeValue>(1, StringComparer.Ordinal) { ["message_id"] = AttributeValue.From($"{leadId}-m{++number}") };
            Add(EventTypes.EmailSent, "email", sentMs, message);
            var openMs = sentMs + Funnel.OpenDelayMs(ref random);
            // Both draws are made for every e-mail; what would come after the decision is left out.
            bool opened = random.NextBool(open), clicked = random.NextBool(click);
            if (!opened || openMs + Funnel.ClickMs > decisionMs) continue;
            Add(EventTypes.EmailOpened, "email", openMs, message);
            if (clicked) Add(EventTypes.EmailClicked, "email", openMs + Funnel.ClickMs, message);
        }
    }

    /// <summary>A moment in the day that ends so many days before the decision, by weight of the local hour; what follows within half an hour is in that day too.</summary>
    private long MomentOfDay(ref DemoRandom random, int day, double[] hourWeights)
    {
        var end = decisionMs - (day * Funnel.DayMs);
        var lastHour = (int)((((end - Funnel.HourMs) / Funnel.HourMs) + utcOffsetHours + 24) % 24);
        var back = (lastHour - random.NextWeighted(hourWeights) + 24) % 24;
        return end - ((back + 1) * Funnel.HourMs) + 1 + random.NextIndex((int)HalfHourMs - 1);
    }

    private void Add(string type, string source, long atMs, IReadOnlyDictionary<string, AttributeValue>? properties) =>
        events.Add(new ActivityEvent($"{leadId}-e{events.Count + 1}", type, source, atMs, properties));
}
