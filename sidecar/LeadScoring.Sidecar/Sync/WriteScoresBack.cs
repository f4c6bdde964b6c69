using System.Collections.Concurrent;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Writes scores of the queue into the vendor's records, a batch at a time, into fields that are ours only.</summary>
internal sealed class WriteScoresBack(
    ConnectorAccounts accounts, WriteBackStore store, ConnectorStateStore state, LeadStore leads, ScoreStore scores, ActiveModels models, LeadScorer scorer, TimeProvider time, ILogger<WriteScoresBack> logger)
{
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(30);

    // Looked up again now and then: a field may have been deleted, or become somebody else's.
    private static readonly TimeSpan FieldsEvery = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, (IReadOnlySet<string> Ready, long Since)> fields = new(StringComparer.Ordinal);

    /// <summary>One batch of an account; the number of records taken.</summary>
    internal async Task<int> RunOnceAsync(ConnectorAccount account, CancellationToken cancellationToken)
    {
        if (!account.WritesBack || !await store.HasDueAsync(account, cancellationToken)) return 0;
        var lease = Guid.NewGuid().ToString("N");
        IConnector? connector = null;
        try
        {
            connector = accounts.Connector(account);
            var rows = await store.LeaseAsync(account, connector.Abilities.WriteBatch, lease, cancellationToken);
            if (rows.Count == 0) return 0;
            var results = await HoldAsync(account, lease, WriteAsync(account, connector, rows, cancellationToken));
            var dead = await store.RecordAsync(account, lease, results, CancellationToken.None);
            if (dead > 0) SyncLog.Dead(logger, account.Name, dead);
            return rows.Count;
        }
        catch (ConnectorException e)
        {
            SyncLog.Failed(logger, account.Name, e.Message);
            fields.TryRemove(account.Name, out _);
            await store.ReleaseAsync(account, lease, e.RetryAfter ?? AfterFailure, CancellationToken.None);
            await state.FailedAsync(account, e, connector?.Budget.Status, CancellationToken.None);
            return 0;
        }
        catch (OperationCanceledException)
        {
            await store.ReleaseAsync(account, lease, TimeSpan.Zero, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Keeps the records while they are on their way: a vendor's job, or its waits, may take longer than the lease.</summary>
    private async Task<IReadOnlyList<WriteBackResult>> HoldAsync(ConnectorAccount account, string lease, Task<IReadOnlyList<WriteBackResult>> writing)
    {
        while (await Task.WhenAny(writing, Task.Delay(WriteBackStore.Lease / 3, time)) != writing) await store.RenewAsync(account, lease, CancellationToken.None);
        return await writing;
    }

    private async Task<IReadOnlyList<WriteBackResult>> WriteAsync(ConnectorAccount account, IConnector connector, IReadOnlyList<WriteBackRow> rows, CancellationToken cancellationToken)
    {
        var ready = await FieldsAsync(account, connector, cancellationToken);
        var active = await models.GetAsync(account.OrganizationId, cancellationToken);
        var stored = await leads.GetManyAsync(account.OrganizationId, [.. rows.Select(r => r.LeadId)], cancellationToken);
        var (writes, written) = (new List<RecordWrite>(rows.Count), new Dictionary<string, StoredScore>(StringComparer.Ordinal));
        foreach (var row in rows)
        {
            if (!stored.TryGetValue(row.LeadId, out var lead) || await scores.LatestAsync(account.OrganizationId, row.LeadId, cancellationToken) is not { } score) continue;
            var recommendation = scorer.Score(active, lead.Snapshot, time.NowMs(), quick: false, withFactors: false, lead.Latest?.Grade).Recommendation;
            written[row.RecordId] = score;
            writes.Add(new RecordWrite(row.RecordId, WriteBackFields.Values(account.Settings.FieldPrefix, score, recommendation, ready)));
        }

        var results = writes.Count == 0 ? [] : (await connector.WriteAsync(writes, cancellationToken)).ToDictionary(r => r.RecordId, StringComparer.Ordinal);
        return [.. rows.Select(row => results.TryGetValue(row.RecordId, out var r) ? ResultOf(row, r, written[row.RecordId])
            // The lead was erased meanwhile.
            : new WriteBackResult(row, null, null, "there is no score", IsFinal: true, IsGone: true))];
    }

    private static WriteBackResult ResultOf(WriteBackRow row, WriteResult result, StoredScore score) => result.Status switch
    {
        WriteStatus.Written => new WriteBackResult(row, score.Score, score.Grade, null, IsFinal: true),
        WriteStatus.Gone => new WriteBackResult(row, null, null, result.Reason ?? "gone", IsFinal: true, IsGone: true),
        WriteStatus.Rejected => new WriteBackResult(row, null, null, result.Reason ?? "rejected", IsFinal: true),
        _ => new WriteBackResult(row, null, null, result.Reason ?? "not written", IsFinal: false),
    };

    private async Task<IReadOnlySet<string>> FieldsAsync(ConnectorAccount account, IConnector connector, CancellationToken cancellationToken)
    {
        if (fields.TryGetValue(account.Name, out var known) && time.GetElapsedTime(known.Since) < FieldsEvery) return known.Ready;
        var report = await connector.EnsureFieldsAsync(WriteBackFields.Of(account.Settings.FieldPrefix), cancellationToken);
        if (report.Foreign.Count > 0) SyncLog.Foreign(logger, account.Name, string.Join(", ", report.Foreign));
        if (report.Ready.Count == 0) throw new ConnectorException(account.Name, ConnectorFailure.Forbidden, "none of the fields to write is there or can be made");
        var ready = report.Ready.ToHashSet(StringComparer.Ordinal);
        fields[account.Name] = (ready, time.GetTimestamp());
        return ready;
    }
}
