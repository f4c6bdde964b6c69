using LeadScoring.Demo;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Monitoring;

/// <summary>Leads of the demo world that come in, are scored and decided as the clock goes on.</summary>
internal sealed class DemoTraffic(SidecarFactory sidecar, TestClock clock, TestOrganization organization)
{
    private int next;

    internal List<DemoLead> Leads { get; } = [];

    internal static async Task<DemoTraffic> StartAsync(SidecarFactory sidecar, TestClock clock)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        sidecar.Get<ActiveModels>().Forget(organization.Id);
        return new DemoTraffic(sidecar, clock, organization);
    }

    /// <summary>Leads that are scored now; all attributes and events up to now are known.</summary>
    internal async Task<DemoLead[]> ScoreAsync(int count, double featureDrift = 0, double baseRateShift = 0, double conceptDrift = 0)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var world = new DemoWorld(DemoWorldSettings.Default(nowMs) with
        {
            Seed = 77, EventsAfterDecision = false, FeatureDrift = new DemoDrift(0, featureDrift), BaseRateShift = new DemoDrift(0, baseRateShift), ConceptDrift = new DemoDrift(0, conceptDrift),
        });
        var leads = Enumerable.Range(0, count).Select(_ => world.LeadDecidedAt(next++, nowMs)).ToArray();
        await sidecar.Get<Database>().WriteAsync(async transaction =>
        {
            var writes = leads.Select(l => new LeadWrite(l.LeadId, l.Attributes.Where(a => !a.Value.IsMissing).ToDictionary(a => a.Key, a => (string?)System.Text.Json.JsonSerializer.Serialize(a.Value.AsText())), l.CreatedAtMs));
            await sidecar.Get<LeadStore>().UpsertAsync(transaction, organization.Id, [.. writes], CancellationToken.None);
            await sidecar.Get<EventStore>().AppendAsync(transaction, organization.Id, [.. leads.SelectMany(l => l.Events.Select(e => new LeadEvent(l.LeadId, e)))], CancellationToken.None);
        }, CancellationToken.None);
        foreach (var chunk in leads.Chunk(500))
        {
            var (status, body) = await organization.PostAsync("/v1/score/batch", new { items = chunk.Select(l => new { lead_id = l.LeadId }) });
            Assert.True(status == System.Net.HttpStatusCode.OK, body.ToString());
        }

        Leads.AddRange(leads);
        return leads;
    }

    /// <summary>What became of leads; as_of is when they were scored.</summary>
    internal Task TellOutcomesAsync(IEnumerable<DemoLead> leads) => sidecar.Get<OutcomeStore>().WriteAsync(
        organization.Id, [.. leads.Select(l => new OutcomeWrite(l.LeadId, "demo", l.Outcome!.Converted, l.Outcome.OccurredAtMs, l.DecisionMs, l.Outcome.Revenue))], CancellationToken.None);

    internal TestOrganization Organization => organization;
}
