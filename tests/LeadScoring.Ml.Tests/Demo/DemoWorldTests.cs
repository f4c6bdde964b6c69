using LeadScoring.Demo;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Demo;

public sealed class DemoWorldTests
{
    private const long NowMs = 1_790_000_000_000;

    private static readonly DemoWorld World = new(DemoWorldSettings.Default(NowMs) with { HistoricalLeads = 300, ActiveLeads = 100 });

    private static string Text(DemoLead lead) => string.Join('\n',
    [
        $"{lead.LeadId} {lead.CreatedAtMs} {lead.DecisionMs} {BitConverter.DoubleToInt64Bits(lead.TrueProbability)} {lead.Outcome}",
        .. lead.Attributes.Select(a => $"{a.Key}={a.Value.AsText()}"),
        .. lead.Deliveries.Select(d => $"{d.Event.EventId} {d.Event.Type} {d.Event.Source} {d.Event.OccurredAtMs} {d.ReceivedAtMs} "
            + string.Join(',', d.Event.Properties?.Select(p => $"{p.Key}={p.Value.AsText()}") ?? [])),
    ]);

    [Fact]
    public void HistoricalLeads_SameSettingsManyThreads_SameLeadsBitForBit()
    {
        string[] inTurn = [.. World.HistoricalLeads().Concat(World.ActiveLeads()).Select(Text)];
        var again = new DemoWorld(World.Settings);
        string[] parallel =
        [
            .. Enumerable.Range(0, 300).AsParallel().AsOrdered().WithDegreeOfParallelism(4).Select(i => Text(again.HistoricalLead(i))),
            .. Enumerable.Range(0, 100).AsParallel().AsOrdered().WithDegreeOfParallelism(4).Select(i => Text(again.ActiveLead(i))),
        ];
        Assert.Equal(inTurn, parallel);
    }

    [Fact]
    public void HistoricalLeads_OtherSeed_OtherLeads()
    {
        var other = new DemoWorld(World.Settings with { Seed = 2 });
        Assert.DoesNotContain(true, World.HistoricalLeads().Zip(other.HistoricalLeads(), (a, b) => a.DecisionMs == b.DecisionMs));
    }

    [Fact]
    public void HistoricalLead_OtherTotals_SameLead()
    {
        var larger = new DemoWorld(World.Settings with { HistoricalLeads = 5_000, ActiveLeads = 1 });
        Assert.Equal(Text(World.HistoricalLead(299)), Text(larger.HistoricalLeads().ElementAt(299)));
        Assert.Equal(Text(World.ActiveLead(0)), Text(larger.ActiveLeads().Single()));
    }

    [Fact]
    public void Leads_AllSeries_IdsAreUnique()
    {
        DemoLead[] leads = [.. World.HistoricalLeads(), .. World.ActiveLeads(), .. Enumerable.Range(0, 50).Select(i => World.LeadDecidedAt(i, NowMs))];
        Assert.Equal(leads.Length, leads.Select(l => l.LeadId).Distinct().Count());
        var events = leads.SelectMany(l => l.Events.DistinctBy(e => e.EventId)).Select(e => e.EventId).ToList();
        Assert.Equal(events.Count, events.Distinct().Count());
    }

    [Fact]
    public void HistoricalLeads_Outcomes_AreFinalByNowAndWithinTheHorizon()
    {
        Assert.All(World.HistoricalLeads(), lead =>
        {
            Assert.InRange(lead.Outcome!.OccurredAtMs, lead.DecisionMs + 1, Math.Min(NowMs, lead.DecisionMs + (90 * ActivityState.DayMs)));
            Assert.Equal(lead.Outcome.Converted, lead.Outcome.Revenue > 0);
            Assert.InRange((lead.DecisionMs - lead.CreatedAtMs) / (double)ActivityState.DayMs, 3, 60);
        });
        Assert.InRange(World.HistoricalLeads().Select(l => l.DecisionMs / (7 * ActivityState.DayMs)).Distinct().Count(), 80, 93);
    }

    [Fact]
    public void ActiveLeads_Now_AreOpenAndHaveNoFuture()
    {
        Assert.All(World.ActiveLeads(), lead =>
        {
            Assert.Null(lead.Outcome);
            Assert.Equal(NowMs, lead.DecisionMs);
            Assert.All(lead.Deliveries, d => Assert.InRange(d.Event.OccurredAtMs, lead.CreatedAtMs, NowMs));
        });
    }

    [Fact]
    public void TrueProbability_EventsAfterTheDecisionRemoved_IsTheSame()
    {
        var later = 0;
        foreach (var lead in World.HistoricalLeads())
        {
            DemoDelivery[] before = [.. lead.Deliveries.Where(d => d.Event.OccurredAtMs <= lead.DecisionMs)];
            later += lead.Deliveries.Count - before.Length;
            Assert.Equal(lead.TrueProbability, World.TrueProbability(lead.Attributes, before, lead.CreatedAtMs, lead.DecisionMs));
        }

        Assert.InRange(later, 100, 1_000);
    }

    [Fact]
    public void Deliveries_LateAndRepeated_ArePresentAndHarmless()
    {
        int repeated = 0, late = 0;
        foreach (var lead in World.HistoricalLeads())
        {
            repeated += lead.Deliveries.Count - lead.Events.DistinctBy(e => e.EventId).Count();
            late += lead.Deliveries.Count(d => d.ReceivedAtMs - d.Event.OccurredAtMs > 2 * 3_600_000);
            Assert.Equal(lead.Deliveries.Select(d => d.ReceivedAtMs).Order(), lead.Deliveries.Select(d => d.ReceivedAtMs));
            DemoDelivery[] clean = [.. lead.Deliveries.DistinctBy(d => d.Event.EventId).OrderBy(d => d.Event.OccurredAtMs)];
            Assert.Equal(
                ActivityState.Replay(clean.Select(d => d.Event), lead.DecisionMs).ToBytes(), ActivityState.Replay(lead.Events, lead.DecisionMs).ToBytes());
            Assert.Equal(lead.TrueProbability, World.TrueProbability(lead.Attributes, clean, lead.CreatedAtMs, lead.DecisionMs));
        }

        Assert.InRange(repeated, 60, 240);
        Assert.InRange(late, 90, 360);
    }

    [Fact]
    public void Deliveries_EventsBeforeTheDecision_HaveArrivedByIt()
    {
        foreach (var lead in World.HistoricalLeads())
        {
            var known = lead.Deliveries.Where(d => d.ReceivedAtMs <= lead.DecisionMs).Select(d => d.Event);
            Assert.Equal(ActivityState.Replay(lead.Events, lead.DecisionMs).ToBytes(), ActivityState.Replay(known, lead.DecisionMs).ToBytes());
        }
    }

    [Fact]
    public void Attributes_MissingShare_IsKept()
    {
        string[] personal = ["age", "income_bracket", "household_size", "employment_status", "gender", "zip_code", "city", "state", "time_zone"];
        var world = new DemoWorld(World.Settings with { HistoricalLeads = 3_000, MissingShare = 0.3 });
        var leads = world.HistoricalLeads().ToList();
        Assert.All(personal, name => Assert.InRange(leads.Count(l => !l.Attributes.ContainsKey(name)) / 3_000.0, 0.27, 0.33));
        Assert.All(leads, l => Assert.True(l.Attributes.ContainsKey("created_at") && l.Attributes.ContainsKey("email_consent")));
    }

    [Fact]
    public void Events_PerLead_AboutTwentyOfAllTypes()
    {
        var world = new DemoWorld(World.Settings with { HistoricalLeads = 3_000 });
        var events = world.HistoricalLeads().SelectMany(l => l.Events.DistinctBy(e => e.EventId)).ToList();
        Assert.InRange(events.Count / 3_000.0, 18, 23);
        Assert.Equal(15, events.Select(e => e.Type).Distinct().Count());
        var local = events.Where(e => e.Type == EventTypes.PhoneCall).Select(e => DateTimeOffset.FromUnixTimeMilliseconds(e.OccurredAtMs).UtcDateTime.AddHours(-6).Hour);
        Assert.All(local, hour => Assert.InRange(hour, 5, 21));
    }

    [Fact]
    public void Features_OfAHistoricalLead_AreFilledByTheRealEstateProfile()
    {
        var extractor = new FeatureExtractor(FeatureProfile.Parse(File.ReadAllText(RealEstateProfile())));
        var rows = World.HistoricalLeads()
            .Select(l => extractor.Extract(new LeadSnapshot(l.Attributes, ActivityState.Replay(l.Events, l.DecisionMs), l.CreatedAtMs), l.DecisionMs)).ToList();
        foreach (var (feature, i) in extractor.Profile.Features.Select((f, i) => (f.Name, i)))
        {
            // The shipped profile looks every income up in a table that the user fills.
            if (feature == "income_bracket") continue;
            Assert.True(rows.Count(r => !r[i].IsMissing) > 200, feature);
            Assert.True(rows.Select(r => r[i]).Distinct().Count() > 2, feature);
        }
    }

    [Theory]
    [InlineData(0.7, 0, 0, "BaseRate is 0.7, must be from 0.005 to 0.6")]
    [InlineData(0.3, double.NaN, 0, "Noise is NaN")]
    [InlineData(0.3, 0, -1, "ActiveLeads is -1")]
    public void Validate_OutOfRange_NamesTheSetting(double baseRate, double noise, int active, string expected)
    {
        var settings = DemoWorldSettings.Default(NowMs) with { BaseRate = baseRate, Noise = noise, ActiveLeads = active };
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => new DemoWorld(settings)).Message);
    }

    [Fact]
    public void Validate_SeveralFaults_NamesAll()
    {
        var settings = new DemoWorldSettings { NowMs = 5, HistoryDays = 10, ConceptDrift = new DemoDrift(0, 2) };
        var message = Assert.Throws<ArgumentException>(settings.Validate).Message;
        Assert.Contains("NowMs", message);
        Assert.Contains("HistoryDays", message);
        Assert.Contains("ConceptDrift.Strength", message);
    }

    private static string RealEstateProfile()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "LeadScoring.N8n.sln"))) folder = folder.Parent;
        return Path.Combine(folder!.FullName, "sidecar", "profiles", "real-estate.yml");
    }
}
