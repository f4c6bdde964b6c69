using System.Diagnostics;
using ActivityEvent = LeadScoring.Ml.Features.ActivityEvent;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using Xunit.Abstractions;

namespace LeadScoring.Sidecar.Tests.Events;

public sealed class IngestionRateTests(SidecarFactory sidecar, ITestOutputHelper output) : IClassFixture<SidecarFactory>
{
    /// <summary>CPU time, not wall time: the machine may be busy. The bound is far below the goal (50,000 a second), to catch a lost batch or index only.</summary>
    [Theory]
    [InlineData(20_000)]
    [InlineData(500)]
    [Trait("Category", "Server")]
    public async Task Append_HundredThousandEvents_CostsLittleCpu(int leads)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var random = new Random(7);
        LeadEvent[] Events(int count, string prefix) =>
        [
            .. Enumerable.Range(0, count).Select(i => new LeadEvent("lead-" + random.Next(leads), new ActivityEvent(
                $"{prefix}-{i:D10}", i % 3 == 0 ? "session" : "page_view", "website", 1_760_000_000_000 + i * 1_000L,
                new Dictionary<string, AttributeValue> { ["pages"] = AttributeValue.From(i % 9), ["session_id"] = AttributeValue.From("s" + i / 4) }))),
        ];
        await sidecar.Get<EventStore>().AppendAsync(organization.Id, Events(20_000, "warm"), CancellationToken.None);
        var events = Events(100_000, "e");
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var wall = Stopwatch.StartNew();
        await sidecar.Get<EventStore>().AppendAsync(organization.Id, events, CancellationToken.None);
        var seconds = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds;
        output.WriteLine($"{events.Length / seconds:N0} events per CPU second, {events.Length / wall.Elapsed.TotalSeconds:N0} per wall second");
        Assert.True(events.Length / seconds > 8_000, $"{events.Length / seconds:N0} events per CPU second");
    }
}
