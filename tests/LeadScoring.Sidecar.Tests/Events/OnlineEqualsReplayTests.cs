using FsCheck;
using FsCheck.Fluent;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;

namespace LeadScoring.Sidecar.Tests.Events;

/// <summary>What the live service folds batch by batch is, byte for byte, what training replays from the stored events.</summary>
public sealed class OnlineEqualsReplayTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static readonly string[] Types = ["session", "page_view", "property_view", "email_sent", "email_opened", "chat", "phone_call", "strange_thing"];
    private static readonly string[] Sources = ["crm", "website", "email", "phone"];

    private static readonly Gen<AttributeValue> Value = Gen.OneOf(
        Gen.Choose(-5, 5_000).Select(n => AttributeValue.From((double)n)),
        Gen.Elements(0.1, 1e-300, 123456.789, -0.0, double.NaN).Select(AttributeValue.From),
        Gen.Elements("3.0", "x y", "ü\"\\\n", "007", "1e3", "true", "Googlebot/2.1").Select(AttributeValue.From),
        Gen.Elements(true, false).Select(AttributeValue.From));

    // Few ids and leads, so that repeats are common; moments in any order, so that arrivals are late; opens and clicks close together, so that some are bursts.
    private static readonly Gen<LeadEvent> AnyEvent =
        from id in Gen.Choose(0, 150)
        from lead in Gen.Choose(0, 5)
        from type in Gen.Elements(Types)
        from source in Gen.Elements(Sources)
        from at in Gen.OneOf(Gen.Choose(0, 1_000_000).Select(n => n * 9_973L), Gen.Choose(0, 2_500).Select(n => 40_000L + n))
        from names in Gen.SubListOf("pages", "duration_seconds", "session_id", "is_bot", "user_agent", "other")
        from values in Value.ListOf(6)
        select new LeadEvent("lead-" + lead, new ActivityEvent(
            "e" + id, at is >= 40_000 and < 50_000 && id % 4 > 0 ? id % 2 == 0 ? "email_opened" : "email_clicked" : type, source, 1_700_000_000_000 + at,
            names.Count == 0 ? null : names.Zip(values).ToDictionary(p => p.First, p => p.Second)));

    [Fact]
    public void Append_AnyOrderBatchingRepeatsAndLateArrivals_StateEqualsReplay()
    {
        var batches = AnyEvent.ListOf().Select(l => l.ToList()).ListOf().Select(l => l.ToList());
        Prop.ForAll(batches.ToArbitrary(), given => Check(given).GetAwaiter().GetResult()).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    private async Task<bool> Check(List<List<LeadEvent>> batches)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var first = new Dictionary<string, LeadEvent>();
        foreach (var batch in batches)
        {
            var isNew = await sidecar.Get<EventStore>().AppendAsync(organization.Id, batch, CancellationToken.None);
            Assert.Equal(batch.Select(e => first.TryAdd(e.Event.EventId, e)), isNew);
        }

        // Against the events as they were given, and against the events as they were stored.
        foreach (var lead in first.Values.GroupBy(e => e.LeadId))
        {
            var stored = await organization.LeadAsync(lead.Key);
            Assert.Equal(ActivityState.Replay(lead.Select(e => e.Event), long.MaxValue).ToBytes(), stored!.Snapshot.Activity.ToBytes());
        }

        Assert.Equal(first.Count, (await organization.EventsAsync()).Count);
        var counted = (await organization.GetAsync("/v1/events/types")).Body;
        Assert.Equal(first.Count, counted.GetProperty("types").EnumerateArray().Sum(t => t.Int("events")));
        var notCounted = first.Values.GroupBy(e => e.LeadId).Select(l => ActivityState.Replay(l.Select(e => e.Event), long.MaxValue)).Sum(s => s.BotEvents + s.BurstEvents);
        Assert.Equal(notCounted, counted.GetProperty("not_counted").Int("events"));
        await organization.AssertStatesEqualReplayAsync();
        return true;
    }
}
