namespace LeadScoring.Demo;

/// <summary>What the demo world is like. The same settings give the same leads, bit for bit, on any number of threads.</summary>
public sealed record DemoWorldSettings
{
    /// <summary>Days within which a lead converts, or does not, unless <see cref="OutcomeDays"/> says otherwise.</summary>
    public const int HorizonDays = 90;

    /// <summary>Seed of everything random. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The end of history, Unix milliseconds: active leads are scored now, outcomes of historical ones are final by now.</summary>
    public required long NowMs { get; init; }

    /// <summary>Leads with a known outcome. Default 100,000; from 0.</summary>
    public int HistoricalLeads { get; init; } = 100_000;

    /// <summary>Open leads. Default 10,000; from 0.</summary>
    public int ActiveLeads { get; init; } = 10_000;

    /// <summary>How far back the oldest decision lies. Default 730 days; from 120 to 3,650.</summary>
    public int HistoryDays { get; init; } = 730;

    /// <summary>Share of leads that convert, before any base-rate shift. Default 0.32; from 0.005 to 0.6.</summary>
    public double BaseRate { get; init; } = 0.32;

    /// <summary>Days within which a lead converts, or does not; outcomes come sooner in proportion. Default <see cref="HorizonDays"/>; from 14.</summary>
    public int OutcomeDays { get; init; } = HorizonDays;

    /// <summary>
    /// Irreducible noise: the share of leads whose outcome life decides (at the base rate), whatever their intent. Default 0.06; from 0 to 0.9.
    /// </summary>
    public double Noise { get; init; } = 0.06;

    /// <summary>Share of each personal attribute that is unknown. Default 0.15; from 0 to 0.9.</summary>
    public double MissingShare { get; init; } = 0.15;

    /// <summary>Share of leads whose website visits cannot be tracked: only calls, chats, showings and e-mails are seen. Default 0.03; from 0 to 0.9.</summary>
    public double UntrackedShare { get; init; } = 0.03;

    /// <summary>Share of events that arrive hours or days late, though before the decision when they happened before it. Default 0.03; from 0 to 1.</summary>
    public double LateShare { get; init; } = 0.03;

    /// <summary>Share of events that arrive twice, under one event id. Default 0.02; from 0 to 1.</summary>
    public double RepeatShare { get; init; } = 0.02;

    /// <summary>
    /// Whether historical leads go on doing things between decision and outcome. Default true: such events give the outcome away, and
    /// training that replays past the decision shows itself by results that are too good.
    /// </summary>
    public bool EventsAfterDecision { get; init; } = true;

    /// <summary>Feature drift: how often things are done or recorded changes (fewer visits and calculator uses, more property views, e-mails opened by mail programs), intent does not.</summary>
    public DemoDrift FeatureDrift { get; init; } = DemoDrift.None;

    /// <summary>Concept drift: the share of conversions that follows the new rule (income decides, intent much less) at an unchanged base rate. Strength from 0 to 1.</summary>
    public DemoDrift ConceptDrift { get; init; } = DemoDrift.None;

    /// <summary>Base-rate shift in log-odds, added to each lead's conversion.</summary>
    public DemoDrift BaseRateShift { get; init; } = DemoDrift.None;

    /// <summary>The default world: a perfect scorer reaches every target of the product in it.</summary>
    public static DemoWorldSettings Default(long nowMs) => new() { NowMs = nowMs };

    /// <summary>The same mechanics where 5 % of leads convert.</summary>
    public static DemoWorldSettings FivePercent(long nowMs) => new() { NowMs = nowMs, BaseRate = 0.05 };

    /// <summary>Checks every setting.</summary>
    /// <exception cref="ArgumentException">One or more are out of range; the message names each with its range.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        InRange(nameof(NowMs), NowMs, 946_684_800_000, 4_102_444_800_000);
        InRange(nameof(HistoricalLeads), HistoricalLeads, 0, int.MaxValue);
        InRange(nameof(ActiveLeads), ActiveLeads, 0, int.MaxValue);
        InRange(nameof(HistoryDays), HistoryDays, HorizonDays + 30, 3_650);
        InRange(nameof(OutcomeDays), OutcomeDays, 14, HorizonDays);
        InRange(nameof(BaseRate), BaseRate, 0.005, 0.6);
        InRange(nameof(Noise), Noise, 0, 0.9);
        InRange(nameof(MissingShare), MissingShare, 0, 0.9);
        InRange(nameof(UntrackedShare), UntrackedShare, 0, 0.9);
        InRange(nameof(LateShare), LateShare, 0, 1);
        InRange(nameof(RepeatShare), RepeatShare, 0, 1);
        InRange("FeatureDrift.Strength", FeatureDrift.Strength, -2, 2);
        InRange("ConceptDrift.Strength", ConceptDrift.Strength, 0, 1);
        InRange("BaseRateShift.Strength", BaseRateShift.Strength, -4, 4);
        InRange("FeatureDrift.RampMs", FeatureDrift.RampMs, 0, long.MaxValue);
        InRange("ConceptDrift.RampMs", ConceptDrift.RampMs, 0, long.MaxValue);
        InRange("BaseRateShift.RampMs", BaseRateShift.RampMs, 0, long.MaxValue);
        if (faults.Count > 0) throw new ArgumentException($"demo world: {string.Join("; ", faults)}");

        void InRange(string name, double value, double from, double to)
        {
            // Written so that NaN is a fault too.
            if (!(value >= from && value <= to)) faults.Add(FormattableString.Invariant($"{name} is {value}, must be from {from} to {to}"));
        }
    }
}

/// <summary>A change of the world in calendar time: nothing before the start, then a straight ramp to full strength. It acts on leads by their decision moment.</summary>
/// <param name="StartsAtMs">First moment of change, Unix milliseconds.</param>
/// <param name="Strength">Full strength; 0 is no drift.</param>
/// <param name="RampMs">Length of the ramp; 0 is a step.</param>
public sealed record DemoDrift(long StartsAtMs, double Strength, long RampMs = 0)
{
    /// <summary>No drift.</summary>
    public static readonly DemoDrift None = new(0, 0);

    /// <summary>Strength at a moment.</summary>
    public double At(long ms) => ms < StartsAtMs ? 0 : RampMs == 0 ? Strength : Strength * Math.Min(1, (ms - StartsAtMs) / (double)RampMs);
}
