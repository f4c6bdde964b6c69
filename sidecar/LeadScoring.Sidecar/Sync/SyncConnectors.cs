using System.Globalization;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Sync;

/// <summary>
/// The job <c>sync</c>: reads what changed in the organization's accounts, page by page; a page and where the next one begins are one write, so whoever dies in the middle loses nothing and does nothing twice.
/// </summary>
internal sealed class SyncConnectors(
    ConnectorAccounts accounts, ConnectorStateStore state, StoreContacts contacts, StoreActivity activity, StoreDeals deals, InboundStore inbound, Database database, LeadsChanged changed, IOptions<SyncOptions> options,
    ILogger<SyncConnectors> logger) : IPartialJob
{
    internal const string Job = "sync";
    internal const string Contacts = "contacts";
    internal const string Activity = "activity";
    internal const string Deals = "deals";

    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        var done = new List<string>();
        foreach (var account in accounts.Of(organizationId)) done.Add($"{account.Name}: {await RunAsync(account, cancellationToken)}");
        if (done.Count == 0) return "No connector is set for the organization.";
        await inbound.PurgeAsync(organizationId, options.Value.KeepInbound, cancellationToken);
        return string.Join("; ", done);
    }

    /// <param name="part">Name of the account.</param>
    public async Task<string> RunPartAsync(string organizationId, string part, CancellationToken cancellationToken) => accounts.Of(organizationId).FirstOrDefault(a => a.Name == part) is { } account
        ? $"{account.Name}: {await RunAsync(account, cancellationToken)}"
        // Asked for by a process with other settings.
        : $"This process has no connector {part}.";

    /// <summary>One account; what came of it, in words. A vendor's trouble is told and never thrown: it is not the next account's.</summary>
    internal async Task<string> RunAsync(ConnectorAccount account, CancellationToken cancellationToken)
    {
        IConnector? connector = null;
        try
        {
            connector = accounts.Connector(account);
            if ((await state.StatusAsync(account.OrganizationId, cancellationToken)).GetValueOrDefault(account.Name) is { BudgetDay: > 0 } known)
                connector.Budget.Restore(DateOnly.FromDayNumber(known.BudgetDay), known.BudgetUsed);
            var cursors = (await state.StreamsAsync(account.OrganizationId, cancellationToken)).Where(s => s.Connector == account.Name).ToDictionary(s => s.Stream, s => s.Position, StringComparer.Ordinal);
            var records = 0;
            // Contacts first: activity and deals are of somebody.
            if (connector.Abilities.Contacts) records += await WalkAsync(account, Contacts, cursors, connector.ReadContactsAsync, TakeAsync, cancellationToken);
            if (connector.Abilities.Activity) records += await WalkAsync(account, Activity, cursors, connector.ReadActivityAsync, (t, items) => activity.RunAsync(t, account, items, cancellationToken), cancellationToken);
            if (connector.Abilities.Deals) records += await WalkAsync(account, Deals, cursors, connector.ReadDealsAsync, (t, items) => deals.RunAsync(t, account, items, cancellationToken), cancellationToken);
            await state.SucceededAsync(account, connector.Budget.Status, cancellationToken);
            return string.Create(CultureInfo.InvariantCulture, $"{records:N0} records");
        }
        catch (ConnectorException e)
        {
            SyncLog.Failed(logger, account.Name, e.Message);
            await state.FailedAsync(account, e, connector?.Budget.Status, CancellationToken.None);
            return $"{e.Message}. {e.Advice}";
        }

        async Task TakeAsync(WriteTransaction transaction, IReadOnlyList<ContactRecord> items)
        {
            await contacts.RunAsync(transaction, account, items, cancellationToken);
            await activity.RunAsync(transaction, account, [.. items.SelectMany(c => c.Activity)], cancellationToken);
            if (items.Count > 0) await inbound.WakeAsync(transaction, account, cancellationToken);
        }
    }

    private async Task<int> WalkAsync<T>(
        ConnectorAccount account, string stream, Dictionary<string, string> cursors, Func<string?, CancellationToken, Task<Page<T>>> read, Func<WriteTransaction, IReadOnlyList<T>, Task> take,
        CancellationToken cancellationToken)
    {
        var cursor = cursors.GetValueOrDefault(stream);
        var records = 0;
        var reading = read(cursor, cancellationToken);
        for (var pages = 1; pages <= options.Value.PagesPerRun; pages++)
        {
            var page = await reading;
            var from = cursor;
            // The vendor answers while this page is stored. Whoever dies in between reads it again.
            if (page.HasMore && pages < options.Value.PagesPerRun) reading = read(page.Cursor, cancellationToken);
            var isOurs = await database.WriteAsync(
                async transaction =>
                {
                    await MergeLeads.LockAsync(transaction, account.OrganizationId, cancellationToken);
                    if (!await state.AdvanceAsync(transaction, account, stream, from, page.Cursor, !page.HasMore, page.Items.Count, cancellationToken)) return false;
                    await take(transaction, page.Items);
                    return true;
                },
                cancellationToken);
            if (!isOurs) return records;
            changed.Tell();
            records += page.Items.Count;
            cursor = page.Cursor;
            if (!page.HasMore) break;
        }

        return records;
    }
}

internal static partial class SyncLog
{
    [LoggerMessage(90, LogLevel.Warning, "Connector {Connector}: {Failure}")]
    internal static partial void Failed(ILogger logger, string connector, string failure);

    [LoggerMessage(91, LogLevel.Warning, "A webhook of connector {Connector} was refused: {Why}")]
    internal static partial void Refused(ILogger logger, string connector, string why);

    [LoggerMessage(92, LogLevel.Error, "Webhooks of vendors and write-back failed and will be tried again: {Failure} {Stack}")]
    internal static partial void WorkFailed(ILogger logger, string failure, string stack);

    [LoggerMessage(93, LogLevel.Warning, "Connector {Connector}: {Records} records could not be written and are dead; GET /v1/connectors/{Connector}/dead-letters shows them")]
    internal static partial void Dead(ILogger logger, string connector, int records);

    [LoggerMessage(94, LogLevel.Warning, "Connector {Connector}: somebody else made {Fields}; they are never written")]
    internal static partial void Foreign(ILogger logger, string connector, string fields);
}
