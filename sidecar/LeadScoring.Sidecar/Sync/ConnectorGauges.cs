using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Accounts of CRMs and e-mail platforms. There are as many as the settings name.</summary>
internal static class ConnectorGauges
{
    private static readonly Gauge Connected = new("leadscoring.connector.connected", "1", "1 when the last sync ended well, else 0");
    private static readonly Gauge SinceSync = new("leadscoring.connector.since_sync", "s", "Since the last sync that ended well");
    private static readonly Gauge Left = new("leadscoring.connector.budget_left", "{request}", "Requests that the account's daily budget has left");
    private static readonly Gauge Pending = new("leadscoring.connector.writes_pending", "{record}", "Records whose score is to be written back");
    private static readonly Gauge Dead = new("leadscoring.connector.writes_dead", "{record}", "Records whose score could not be written back");

    internal static GaugeSource Of(ConnectorAccounts accounts, ConnectorStateStore state, WriteBackStore writes, TimeProvider time) => new([Connected, SinceSync, Left, Pending, Dead], async cancellationToken =>
    {
        var readings = new List<Reading>();
        foreach (var organization in accounts.All.GroupBy(a => a.OrganizationId))
        {
            var status = await state.StatusAsync(organization.Key, cancellationToken);
            foreach (var account in organization)
            {
                void Add(Gauge gauge, double value) => readings.Add(new(gauge, value, account.OrganizationId, ("account", account.Name)));
                var row = status.GetValueOrDefault(account.Name);
                Add(Connected, row is { LastSyncMs: not null, LastFailure: null } ? 1 : 0);
                if (row?.LastSyncMs is { } at) Add(SinceSync, Math.Max(0, time.NowMs() - at) / 1_000.0);
                var (pending, dead) = await writes.CountAsync(account, cancellationToken);
                Add(Pending, pending);
                Add(Dead, dead);
                if (LeftOf(accounts, account) is { } left) Add(Left, left);
            }
        }

        return readings;
    });

    /// <summary>Null where the vendor has no daily limit, or the account's settings are at fault.</summary>
    private static long? LeftOf(ConnectorAccounts accounts, ConnectorAccount account)
    {
        try
        {
            return accounts.Connector(account).Budget.Status.LeftToday;
        }
        catch (ConnectorException)
        {
            return null;
        }
    }
}
