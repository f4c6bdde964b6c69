using System.Text.Json;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Works off what webhooks told: fetches the records as they are now, so order and repetition of notices do not matter.</summary>
internal sealed class WorkOffInbound(
    ConnectorAccounts accounts, InboundStore store, ConnectorStateStore state, StoreContacts contacts, StoreActivity activity, StoreDeals deals, EraseRecord erase, Events.EventStore events, Database database, LeadsChanged changed,
    ILogger<WorkOffInbound> logger)
{
    /// <summary>One batch of an account; the number of notices looked at.</summary>
    internal async Task<int> RunOnceAsync(ConnectorAccount account, CancellationToken cancellationToken)
    {
        IConnector? connector = null;
        IReadOnlyList<InboundRow> rows = [];
        try
        {
            rows = await store.DueAsync(account, 100, cancellationToken);
            if (rows.Count == 0) return 0;
            connector = accounts.Connector(account);
            await RunAsync(account, connector, rows, cancellationToken);
            changed.Tell();
        }
        catch (ConnectorException e)
        {
            SyncLog.Failed(logger, account.Name, e.Message);
            await database.WriteAsync(transaction => store.LaterAsync(transaction, account, rows, cancellationToken), cancellationToken);
            await state.FailedAsync(account, e, connector?.Budget.Status, CancellationToken.None);
        }

        return rows.Count;
    }

    private async Task RunAsync(ConnectorAccount account, IConnector connector, IReadOnlyList<InboundRow> rows, CancellationToken cancellationToken)
    {
        string[] Of(params InboundKind[] kinds) => [.. rows.Where(r => kinds.Any(k => InboundStore.NameOf(k) == r.Kind)).Select(r => r.RecordId).Distinct(StringComparer.Ordinal)];
        string[] changedContacts = Of(InboundKind.ContactChanged), deleted = Of(InboundKind.ContactDeleted), changedDeals = Of(InboundKind.DealChanged);
        var fetched = new List<ContactRecord>();
        foreach (var ids in changedContacts.Chunk(connector.Abilities.ReadBatch)) fetched.AddRange(await connector.FetchContactsAsync(ids, cancellationToken));
        var fetchedDeals = new List<DealRecord>();
        foreach (var ids in changedDeals.Chunk(connector.Abilities.ReadBatch)) fetchedDeals.AddRange(await connector.FetchDealsAsync(ids, cancellationToken));
        // A deal that was asked for and did not come is not there any more.
        fetchedDeals.AddRange(changedDeals.Except(fetchedDeals.Select(d => d.Id)).ToArray().Select(id => new DealRecord(id, DealState.Deleted, [], null, null, null)));
        // What was deleted and is there all the same was restored.
        fetched.AddRange(deleted.Except(fetched.Select(c => c.Id)).ToArray().Select(id => new ContactRecord(id, null, new Dictionary<string, string?>()) { IsDeleted = true }));
        foreach (var recordId in Of(InboundKind.ContactErased)) await erase.RunAsync(account, recordId, cancellationToken);
        var told = rows.Where(r => r.Payload is not null).ToDictionary(r => r.EventId, r => JsonSerializer.Deserialize<ActivityRecord>(r.Payload!)!, StringComparer.Ordinal);
        await database.WriteAsync(
            async transaction =>
            {
                await MergeLeads.LockAsync(transaction, account.OrganizationId, cancellationToken);
                await contacts.RunAsync(transaction, account, fetched, cancellationToken);
                if (fetched.Count > 0) await store.WakeAsync(transaction, account, cancellationToken);
                await deals.RunAsync(transaction, account, fetchedDeals, cancellationToken);
                var (taken, unknown) = await activity.ResolveAsync(transaction, account, [.. told.Values, .. fetched.SelectMany(c => c.Activity)], cancellationToken);
                await events.AppendAsync(transaction, account.OrganizationId, taken, cancellationToken);
                var waiting = unknown.Select(u => u.Id).ToHashSet(StringComparer.Ordinal);
                InboundRow[] later = [.. rows.Where(r => told.TryGetValue(r.EventId, out var a) && waiting.Contains(a.Id))];
                await store.LaterAsync(transaction, account, later, cancellationToken);
                await InboundStore.DoneAsync(transaction, account, rows.Except(later).Select(r => r.EventId), cancellationToken);
            },
            cancellationToken);
    }
}
