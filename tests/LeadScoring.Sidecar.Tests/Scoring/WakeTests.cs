using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>The way from an event to the new score in the running service.</summary>
[Trait("Category", "Slow")]
public sealed class WakeTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Fact]
    public async Task Changed_EventsAndLeads_AreToldOnceTheyAreStored()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var changed = sidecar.Get<LeadsChanged>();
        async Task AssertTellsAsync(Func<Task> change)
        {
            var next = changed.Next;
            Assert.False(next.IsCompleted);
            await change();
            Assert.True(next.IsCompleted);
        }

        await AssertTellsAsync(() => organization.PostAsync("/v1/events", new { lead_id = "a", type = "chat", source = "website", occurred_at = 1_760_000_000_000 }));
        await AssertTellsAsync(() => organization.PutLeadAsync("a", new { x = 1 }));
        await AssertTellsAsync(() => organization.PostAsync("/v1/leads/batch", new[] { new { lead_id = "b", attributes = new { x = 1 } } }));
    }

    [Fact]
    public async Task Workers_InTheRunningService_ScoreWhatComesIn()
    {
        var running = new SidecarFactory();
        running.Settings["LeadScoring:Scoring:RescoreChangedLeads"] = "true";
        await running.InitializeAsync();
        try
        {
            var organization = await running.NewOrganizationAsync();
            for (var i = 0; i < 20; i++) await organization.PostAsync("/v1/events", new { lead_id = "l" + i, type = "phone_call", source = "phone", occurred_at = 1_760_000_000_000 });
            for (var waits = 0; (await organization.GetAsync("/v1/leads?is_stale=true")).Body.GetProperty("leads").GetArrayLength() > 0; waits++)
            {
                Assert.True(waits < 1_000, "The leads are not scored.");
                await Task.Delay(10);
            }

            Assert.Equal(20, (await organization.GetAsync("/v1/leads?order=-score")).Body.GetProperty("leads").GetArrayLength());
        }
        finally
        {
            await running.DisposeAsync();
        }
    }
}
