using System.Data.Common;
using System.Diagnostics.Metrics;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Leads of late in memory, so that scoring one again costs no query. Also remembers which leads are unknown.</summary>
/// <remarks>
/// What this process writes is out of here before the write is acknowledged (<see cref="WriteTransaction.Touch"/>). What another process writes is seen after
/// <see cref="LeadOptions.CacheTime"/> at the latest: then the row is read again, and attributes and activity are made anew only if its revision is another.
/// However many ask for a lead at once, one reads it.
/// </remarks>
internal sealed class LeadCache
{
    private static readonly Counter<long> Asked = Instruments.Meter.CreateCounter<long>("leadscoring.lead_cache.requests", "{lead}", "Single leads asked of the memory of this process, by result: hit, miss");
    private static readonly KeyValuePair<string, object?> Hit = new("result", "hit"), Miss = new("result", "miss");

    private readonly BoundedCache<(string OrganizationId, string LeadId), Entry> entries;
    private readonly LeadStore leads;
    private readonly Database database;
    private readonly TimeProvider time;
    private readonly long trustedMs;
    private long read;

    public LeadCache(LeadStore leads, Database database, IOptions<LeadOptions> options, TimeProvider time)
    {
        (this.leads, this.database, this.time, trustedMs) = (leads, database, time, (long)options.Value.CacheTime.TotalMilliseconds);
        entries = new(options.Value.CacheSize);
        database.Written += Forget;
    }

    /// <summary>Leads asked of the database, since the start.</summary>
    internal long Read => Interlocked.Read(ref read);

    internal async ValueTask<StoredLead?> GetAsync(string organizationId, string leadId, CancellationToken cancellationToken)
    {
        if (entries.Get((organizationId, leadId)) is { } entry && entry.TryGet(time.NowMs(), trustedMs, out var lead))
        {
            Asked.Add(1, Hit);
            return lead;
        }

        Asked.Add(1, Miss);
        return (await GetManyAsync(organizationId, [leadId], cancellationToken))[0];
    }

    /// <summary>One lead an id, in order; null for those that do not exist.</summary>
    internal async ValueTask<StoredLead?[]> GetManyAsync(string organizationId, IReadOnlyList<string> leadIds, CancellationToken cancellationToken)
    {
        var found = new StoredLead?[leadIds.Count];
        List<(int At, Entry Entry, Task<StoredLead?> Lead)>? waits = null;
        Dictionary<string, (Entry Entry, StoredLead? Known)>? mine = null;
        var nowMs = time.NowMs();
        for (var i = 0; i < found.Length; i++)
        {
            var leadId = leadIds[i];
            var entry = mine is not null && mine.TryGetValue(leadId, out var again) ? again.Entry : entries.GetOrAdd((organizationId, leadId), static () => new Entry());
            if (entry.TryGet(nowMs, trustedMs, out found[i])) continue;
            // Who comes first reads; the others wait for what he finds.
            if (entry.TryClaim(nowMs, trustedMs, out var loading, out var known)) (mine ??= new(StringComparer.Ordinal))[leadId] = (entry, known);
            (waits ??= []).Add((i, entry, loading));
        }

        if (mine is not null) _ = LoadAsync(organizationId, mine);
        foreach (var (at, entry, lead) in waits ?? []) found[at] = await WaitAsync(entry, lead, cancellationToken);
        return found;
    }

    /// <summary>A database that does not answer is as good as away: a copy goes on being good. Whoever has none waits.</summary>
    private async ValueTask<StoredLead?> WaitAsync(Entry entry, Task<StoredLead?> loading, CancellationToken cancellationToken)
    {
        if (loading.IsCompletedSuccessfully) return await loading;
        if (entry.Known is not { } known) return await loading.WaitAsync(cancellationToken);
        try
        {
            return await database.HearAsync(loading, cancellationToken);
        }
        catch (TimeoutException)
        {
            return known;
        }
    }

    // Not cancelled when the one who came first hangs up: others wait for the same leads.
    private async Task LoadAsync(string organizationId, Dictionary<string, (Entry Entry, StoredLead? Known)> claimed)
    {
        var readAtMs = time.NowMs();
        Interlocked.Add(ref read, claimed.Count);
        try
        {
            var stored = await leads.GetManyAsync(organizationId, claimed.Keys, CancellationToken.None, leadId => claimed[leadId].Known);
            foreach (var (leadId, (entry, _)) in claimed) entry.Loaded(stored.GetValueOrDefault(leadId), readAtMs);
        }
        catch (Exception e)
        {
            var isAway = e is DbException failure && StorageFaults.Of(failure) == StorageFault.Unavailable;
            foreach (var (entry, _) in claimed.Values) entry.Failed(e, isAway);
        }
    }

    /// <summary>Drops what is remembered of leads that were erased, their ids too.</summary>
    internal void Forget(string organizationId, Func<string, bool> isErased) => entries.RemoveWhere(key => key.OrganizationId == organizationId && isErased(key.LeadId));

    private void Forget(IReadOnlySet<(string OrganizationId, string? LeadId)> touched)
    {
        foreach (var (organizationId, leadId) in touched)
        {
            if (leadId is not null) entries.Remove((organizationId, leadId));
            else entries.RemoveWhere(key => key.OrganizationId == organizationId);
        }
    }

    /// <summary>A lead, or that there is none. An entry that was forgotten while it was being read still serves those who wait for it, and nobody after.</summary>
    private sealed class Entry
    {
        private readonly Lock changing = new();
        private State? state;
        private TaskCompletionSource<StoredLead?>? loading;

        internal bool TryGet(long nowMs, long trustedMs, out StoredLead? lead)
        {
            var known = Volatile.Read(ref state);
            lead = known?.Lead;
            return known is not null && nowMs - known.ReadAtMs < trustedMs;
        }

        /// <summary>The copy, however old; null when there is none.</summary>
        internal StoredLead? Known => Volatile.Read(ref state)?.Lead;

        /// <summary>True when the caller has to read it.</summary>
        internal bool TryClaim(long nowMs, long trustedMs, out Task<StoredLead?> lead, out StoredLead? known)
        {
            lock (changing)
            {
                known = state?.Lead;
                if (loading is null && TryGet(nowMs, trustedMs, out known))
                {
                    lead = Task.FromResult(known);
                    return false;
                }

                var isFirst = loading is null;
                loading ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                lead = loading.Task;
                return isFirst;
            }
        }

        internal void Loaded(StoredLead? lead, long readAtMs)
        {
            TaskCompletionSource<StoredLead?> waiting;
            lock (changing)
            {
                state = new State(lead, readAtMs);
                (waiting, loading) = (loading!, null);
            }

            waiting.SetResult(lead);
        }

        /// <summary>While the database is away nobody writes either: what was known goes on being good.</summary>
        internal void Failed(Exception e, bool isAway)
        {
            TaskCompletionSource<StoredLead?> waiting;
            State? known;
            lock (changing) (waiting, loading, known) = (loading!, null, state);
            if (isAway && known?.Lead is not null) waiting.SetResult(known.Lead);
            else waiting.SetException(e);
        }

        private sealed record State(StoredLead? Lead, long ReadAtMs);
    }
}
