using System.Globalization;
using System.Text.Json;
using LeadScoring.Demo;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Cli;

/// <summary>Puts a demo world into an organization by the ways that real data takes: leads, events in order of arrival, outcomes.</summary>
internal sealed class DemoSeeding(Database database, LeadStore leads, EventStore events, OutcomeStore outcomes)
{
    private const int LeadsPerBatch = 1_000;
    private const string Source = "demo";

    /// <returns>The historical leads without their events: what is needed to hold the truth against a model.</returns>
    internal async Task<IReadOnlyList<DemoLead>> RunAsync(string organizationId, DemoWorld world, IProgress<JobStep> progress, CancellationToken cancellationToken)
    {
        var total = world.Settings.HistoricalLeads + world.Settings.ActiveLeads;
        var done = 0;
        // Making a batch and storing the one before it overlap: one core each.
        var next = Task.Run(() => Make(world, 0), cancellationToken);
        var historical = new List<DemoLead>(world.Settings.HistoricalLeads);
        while (done < total)
        {
            var batch = await next;
            var from = done + batch.Length;
            next = from < total ? Task.Run(() => Make(world, from), cancellationToken) : Task.FromResult(Array.Empty<DemoLead>());
            await StoreAsync(organizationId, batch, cancellationToken);
            historical.AddRange(batch.Where(l => l.Outcome is not null).Select(WithoutEvents));
            done += batch.Length;
            progress.Report(new JobStep(done / (double)total, string.Create(CultureInfo.InvariantCulture, $"{done:N0} of {total:N0} leads")));
        }

        return historical;
    }

    /// <summary>What the figures need of a lead; its events would fill the memory.</summary>
    private static DemoLead WithoutEvents(DemoLead lead) => new()
    {
        LeadId = lead.LeadId, CreatedAtMs = lead.CreatedAtMs, DecisionMs = lead.DecisionMs, Attributes = lead.Attributes, Deliveries = [], Outcome = lead.Outcome, TrueProbability = lead.TrueProbability,
    };

    private static DemoLead[] Make(DemoWorld world, int from)
    {
        var history = world.Settings.HistoricalLeads;
        var count = Math.Min(LeadsPerBatch, history + world.Settings.ActiveLeads - from);
        return [.. Enumerable.Range(from, count).Select(i => i < history ? world.HistoricalLead(i) : world.ActiveLead(i - history))];
    }

    private Task StoreAsync(string organizationId, DemoLead[] batch, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            await leads.UpsertAsync(transaction, organizationId, [.. batch.Select(l => new LeadWrite(l.LeadId, Json(l.Attributes), l.CreatedAtMs))], cancellationToken);
            await events.AppendAsync(transaction, organizationId, [.. batch.SelectMany(l => l.Deliveries.OrderBy(d => d.ReceivedAtMs).Select(d => new LeadEvent(l.LeadId, d.Event)))], cancellationToken);
            await outcomes.WriteAsync(transaction, organizationId, [.. batch.Where(l => l.Outcome is not null).Select(l =>
                new OutcomeWrite(l.LeadId, Source, l.Outcome!.Converted, l.Outcome.OccurredAtMs, l.DecisionMs, l.Outcome.Revenue))], cancellationToken);
        },
        cancellationToken);

    private static SortedDictionary<string, string?> Json(IReadOnlyDictionary<string, AttributeValue> attributes)
    {
        var json = new SortedDictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, value) in attributes)
        {
            if (!value.IsMissing) json[name] = value.Kind == AttributeKind.Number ? value.AsText() : JsonSerializer.Serialize(value.AsText());
        }

        return json;
    }
}
