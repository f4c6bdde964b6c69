using LeadScoring.Ml.Features;

namespace LeadScoring.Demo;

/// <summary>A made-up real-estate funnel with known truth: a seeded generator of leads, their events and outcomes.</summary>
/// <remarks>
/// <para>Each lead has hidden intent (a level and a slope) that drives what it does over the weeks and whether it converts. Both hang
/// together by intent and income alone, and all counts are Poisson or binomial given intent, so the posterior of intent given what was
/// observed can be summed exactly, and with it <see cref="DemoLead.TrueProbability"/> = E[conversion | all that is observable up to the
/// decision]. By the Neyman-Pearson lemma no scorer that sees the same data orders leads better, and by properness of log loss and
/// Brier score none has a lower one, but for sampling error: the AUC of this probability is the Bayes AUC of the world.</para>
/// <para>Leads are made one at a time, each from a generator seeded by the world's seed and its own number: the order, the total and the
/// number of threads do not matter, and nothing is kept. Thread-safe. Bit-for-bit on one machine; between processor families the last
/// digits of exp and log may differ.</para>
/// </remarks>
public sealed class DemoWorld
{
    private const int HistoricalStream = 1;
    private const int ActiveStream = 2;
    private const int TimedStream = 3;

    private readonly Funnel funnel;

    /// <summary>Opens a world.</summary>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public DemoWorld(DemoWorldSettings settings)
    {
        settings.Validate();
        Settings = settings;
        funnel = new Funnel(settings);
    }

    /// <summary>The settings of this world.</summary>
    public DemoWorldSettings Settings { get; }

    /// <summary>All historical leads in order of their number, made as they are asked for.</summary>
    public IEnumerable<DemoLead> HistoricalLeads() => Enumerable.Range(0, Settings.HistoricalLeads).Select(HistoricalLead);

    /// <summary>All active leads in order of their number, made as they are asked for.</summary>
    public IEnumerable<DemoLead> ActiveLeads() => Enumerable.Range(0, Settings.ActiveLeads).Select(ActiveLead);

    /// <summary>One historical lead: decided at a random moment of history, at least a horizon ago, so its outcome is final.</summary>
    /// <param name="index">Its number, from 0; it may lie beyond <see cref="DemoWorldSettings.HistoricalLeads"/>.</param>
    public DemoLead HistoricalLead(int index)
    {
        var random = new DemoRandom(Settings.Seed, HistoricalStream, index);
        var span = Settings.HistoryDays - DemoWorldSettings.HorizonDays;
        var decisionMs = Settings.NowMs - (DemoWorldSettings.HorizonDays * Funnel.DayMs) - (long)(random.NextUnit() * span * Funnel.DayMs);
        return Create(ref random, $"demo-h{index + 1:000000}", decisionMs, hasOutcome: true);
    }

    /// <summary>One open lead, scored now.</summary>
    /// <param name="index">Its number, from 0; it may lie beyond <see cref="DemoWorldSettings.ActiveLeads"/>.</param>
    public DemoLead ActiveLead(int index)
    {
        var random = new DemoRandom(Settings.Seed, ActiveStream, index);
        return Create(ref random, $"demo-a{index + 1:000000}", Settings.NowMs, hasOutcome: false);
    }

    /// <summary>
    /// A lead that is decided at a moment of the caller's choice, with its outcome, which may lie after <see cref="DemoWorldSettings.NowMs"/>:
    /// for simulated clocks, where the caller keeps the outcome back until it is due.
    /// </summary>
    /// <param name="index">Its number, from 0; a third series beside historical and active leads.</param>
    /// <param name="decisionMs">The moment of decision, Unix milliseconds, after 2000-01-01.</param>
    public DemoLead LeadDecidedAt(int index, long decisionMs)
    {
        var random = new DemoRandom(Settings.Seed, TimedStream, index);
        return Create(ref random, $"demo-t{index + 1:000000}", decisionMs, hasOutcome: true);
    }

    /// <summary>The probability behind <see cref="DemoLead.TrueProbability"/>, worked out anew from attributes and events, of which those after the decision are not used.</summary>
    public double TrueProbability(
        IReadOnlyDictionary<string, AttributeValue> attributes, IReadOnlyList<DemoDelivery> deliveries, long createdAtMs, long decisionMs) =>
        Posterior.Probability(funnel, Settings, Observation.Read(deliveries, attributes, createdAtMs, decisionMs));

    private DemoLead Create(ref DemoRandom random, string leadId, long decisionMs, bool hasOutcome)
    {
        // Most leads are decided in their first weeks, some only after two months.
        var days = Funnel.MinDays + (int)((Funnel.MaxDays - Funnel.MinDays + 1) * Math.Pow(random.NextUnit(), 1.4));
        var createdAtMs = (decisionMs - (days * Funnel.DayMs) - random.NextIndex((int)Funnel.DayMs / 2)) / 1000 * 1000;
        var level = Funnel.Levels[random.NextWeighted(funnel.LevelPrior)];
        var slope = random.NextWeighted(Funnel.SlopePrior);
        var tracked = !random.NextBool(Settings.UntrackedShare);
        var drift = Settings.FeatureDrift.At(decisionMs);
        var (attributes, income, offset, emailConsent) = People.Draw(ref random, leadId, createdAtMs, Settings.MissingShare);
        var story = new Story(leadId, createdAtMs, decisionMs, days, offset);
        story.WriteUntilDecision(ref random, level, slope, drift, tracked, emailConsent);
        DemoOutcome? outcome = null;
        if (hasOutcome)
        {
            outcome = DrawOutcome(ref random, funnel.Conversion(level, Funnel.Slopes[slope], income, decisionMs), decisionMs);
            if (Settings.EventsAfterDecision) story.WriteAfterDecision(ref random, level, drift, tracked, outcome);
        }

        var deliveries = Deliver(ref random, story.Events, decisionMs);
        return new DemoLead
        {
            LeadId = leadId,
            CreatedAtMs = createdAtMs,
            DecisionMs = decisionMs,
            Attributes = attributes,
            Deliveries = deliveries,
            Outcome = outcome,
            TrueProbability = TrueProbability(attributes, deliveries, createdAtMs, decisionMs),
        };
    }

    private DemoOutcome DrawOutcome(ref DemoRandom random, double conversion, long decisionMs)
    {
        var converted = random.NextBool(conversion);
        // Sales take a week and more; lost leads are closed in the second half of the horizon.
        var days = converted
            ? Math.Min(DemoWorldSettings.HorizonDays - 1, 7 + random.NextExponential(12) + random.NextExponential(12))
            : random.NextBetween(45, DemoWorldSettings.HorizonDays - 1);
        var price = 180_000 + (random.NextExponential(110_000) + random.NextExponential(110_000));
        return new DemoOutcome(converted, decisionMs + (long)(days * (Settings.OutcomeDays / (double)DemoWorldSettings.HorizonDays) * Funnel.DayMs), converted ? Math.Round(price * 0.025, 2) : null);
    }

    private DemoDelivery[] Deliver(ref DemoRandom random, List<ActivityEvent> events, long decisionMs)
    {
        var deliveries = new List<DemoDelivery>(events.Count + 2);
        foreach (var e in events)
        {
            var delay = random.NextBool(Settings.LateShare) ? (long)random.NextBetween(Funnel.HourMs, 2 * Funnel.DayMs) : random.NextIndex(3_000);
            // What happened before the decision has arrived by then: the data of training are those of scoring.
            var receivedMs = e.OccurredAtMs <= decisionMs ? Math.Min(e.OccurredAtMs + delay, decisionMs) : e.OccurredAtMs + delay;
            deliveries.Add(new DemoDelivery(e, receivedMs));
            if (random.NextBool(Settings.RepeatShare)) deliveries.Add(new DemoDelivery(e, receivedMs + random.NextIndex((int)Funnel.HourMs)));
        }

        return [.. deliveries.OrderBy(d => d.ReceivedAtMs)];
    }
}
