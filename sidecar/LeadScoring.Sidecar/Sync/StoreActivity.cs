using LeadScoring.Connectors;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Takes activity in as events of the leads that it is of. What is of nobody known waits until its contact comes.</summary>
internal sealed class StoreActivity(EventStore events, InboundStore inbound, Tombstones tombstones, TimeProvider time)
{
    /// <returns>Events that were new.</returns>
    internal async Task<int> RunAsync(WriteTransaction transaction, ConnectorAccount account, IReadOnlyList<ActivityRecord> records, CancellationToken cancellationToken)
    {
        if (records.Count == 0) return 0;
        var (taken, waiting) = await ResolveAsync(transaction, account, records, cancellationToken);
        await inbound.WaitAsync(transaction, account, waiting, cancellationToken);
        return (await events.AppendAsync(transaction, account.OrganizationId, taken, cancellationToken)).Count(n => n);
    }

    /// <summary>Events of known leads, and activity of people who are not known.</summary>
    internal async Task<(List<LeadEvent> Events, List<ActivityRecord> Unknown)> ResolveAsync(WriteTransaction transaction, ConnectorAccount account, IReadOnlyList<ActivityRecord> records, CancellationToken cancellationToken)
    {
        var links = await LeadLinkStore.LinksAsync(transaction, account, records.Select(r => r.ContactId).OfType<string>(), cancellationToken);
        var byEmail = await LeadLinkStore.LeadsOfEmailsAsync(transaction, account.OrganizationId, records.Select(r => r.Email).OfType<string>().Select(LeadLinkStore.HashOf), cancellationToken);
        Trace[] TracesOf(ActivityRecord record) => [.. record.ContactId is { } id ? [Trace.Record(account.Name, id)] : Array.Empty<Trace>(), .. record.Email is { } email ? [Trace.EmailHash(LeadLinkStore.HashOf(email))] : Array.Empty<Trace>()];
        // Of those who are known nobody was erased; only who is not is looked for among those who were.
        var strangers = records.Where(r => !(r.ContactId is { } id && links.ContainsKey(id)) && !(r.Email is { } email && byEmail.ContainsKey(LeadLinkStore.HashOf(email))));
        var erased = await tombstones.RefuseAsync(transaction, account.OrganizationId, strangers.SelectMany(TracesOf), cancellationToken);
        var (taken, unknown) = (new List<LeadEvent>(records.Count), new List<ActivityRecord>());
        foreach (var record in records)
        {
            var link = record.ContactId is { } id ? links.GetValueOrDefault(id) : null;
            if (link?.IsErased == true) continue;
            var leadId = link?.LeadId ?? (record.Email is { } email ? byEmail.GetValueOrDefault(LeadLinkStore.HashOf(email)) : null);
            if (leadId is null && TracesOf(record).Any(erased.Contains)) continue;
            if (leadId is null) unknown.Add(record);
            else if (EventOf(account, record, leadId) is { } e) taken.Add(e);
        }

        return (taken, unknown);
    }

    // What breaks the rules of events (a moment in the future, a type that is none) is left out: the vendor cannot be asked to mend it.
    private LeadEvent? EventOf(ConnectorAccount account, ActivityRecord record, string leadId) => EventItem.Check(
        $"{account.Name}:{record.Id}", leadId, record.Type, record.Source, record.OccurredAt.ToUnixTimeMilliseconds(),
        record.Properties?.ToDictionary(p => p.Key, p => AttributeValue.From(p.Value), StringComparer.Ordinal), time.NowMs()).Event;
}
