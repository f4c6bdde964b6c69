using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>What came of an erasure.</summary>
/// <param name="Files">Whether nothing of the person is in the files of the database; see <see cref="Database.ScrubAsync"/>.</param>
/// <param name="SharedCache">Whether nothing of the person is in Redis.</param>
internal sealed record ErasureResult(string ErasureId, SignedReceipt Signed, bool Files, bool SharedCache);

/// <summary>Erases a person: every row of every store in one transaction with its tombstones and its receipt, then the copies in memory and Redis, then the bytes in files.</summary>
internal sealed class ErasePerson(
    Database database, IEnumerable<LeadErasure> erasures, IEnumerable<FindTraces> finders, IEnumerable<ForgetLeads> memories, PrivacyKeyStore keys, Tombstones tombstones, ErasureStore store, ScoreCache scores, AuditLog audit, KeepAnonymous anonymous,
    IOptions<ErasureOptions> options, TimeProvider time)
{
    private const string Erasure = "erasure", Anonymization = "anonymization";

    // A person is a handful of records; a chain that is longer is cut, and said so by the number of leads.
    private const int MostLeads = 1_000;

    /// <param name="by">Who asked.</param>
    /// <param name="also">Traces that are known besides those that are found.</param>
    /// <param name="keepAnonymous">Whether what learning and business figures need stays, without the person.</param>
    /// <returns>Null when nothing of the lead was here.</returns>
    internal async Task<ErasureResult?> RunAsync(string organizationId, string leadId, string by, IReadOnlyCollection<Trace> also, bool keepAnonymous, CancellationToken cancellationToken)
    {
        // Read before, so that nobody waits for it.
        var crowd = keepAnonymous ? await anonymous.ReadCrowdAsync(organizationId, cancellationToken) : ((FeatureProfile, Crowd)?)null;
        var own = await keys.EnsureAsync(organizationId, cancellationToken);
        var done = await database.WriteAsync(async transaction =>
        {
            // Names before rows, as everywhere. Whoever merges two leads, and whoever adds a version that learned from the person, comes before or after.
            await transaction.LockAsync("sync/" + organizationId, cancellationToken);
            await ModelStore.LockAsync(transaction, organizationId, cancellationToken);
            var person = await FindAsync(transaction, organizationId, leadId, also, cancellationToken);
            return await EraseAsync(transaction, own, person, by, crowd, cancellationToken);
        }, cancellationToken);
        if (done is not var (erased, receipt, signed)) return null;
        foreach (var forget in memories) forget(organizationId, erased.LeadIds.Contains);
        var shared = true;
        foreach (var id in erased.LeadIds) shared &= await scores.ForgetSharedAsync(organizationId, id, CancellationToken.None);
        return new ErasureResult(receipt.ErasureId, signed, await ScrubAsync(), shared);
    }

    private async Task<(ErasedPerson, ErasureReceipt, SignedReceipt)?> EraseAsync(WriteTransaction transaction, PrivacyKeys own, ErasedPerson person, string by, (FeatureProfile Profile, Crowd Crowd)? keep, CancellationToken cancellationToken)
    {
        const string Leads = "delete from leads where organization_id = @organizationId and lead_id = @leadId";
        const string Runs = "select run_id from training_runs where organization_id = @organizationId and status = 'running' order by run_id";
        var organizationId = person.OrganizationId;
        var stores = new SortedDictionary<string, int>(StringComparer.Ordinal);
        void Count(string name, int rows) => stores[name] = stores.GetValueOrDefault(name) + rows;
        foreach (var leadId in person.LeadIds) transaction.Touch(organizationId, leadId);
        var kept = keep is var (profile, crowd) ? await anonymous.ReadAsync(transaction, person, profile, crowd, cancellationToken) : null;
        foreach (var erasure in erasures) Count(erasure.Table, await erasure.RunAsync(transaction, person, cancellationToken));
        foreach (var leadId in person.LeadIds) Count("leads", await transaction.ExecuteAsync(Leads, new { organizationId, leadId }, cancellationToken));
        if (stores.Values.Sum() == 0) return null;
        var erasureId = $"er_{Guid.CreateVersion7(time.GetUtcNow()):N}";
        await tombstones.PutAsync(transaction, organizationId, erasureId, person.Traces, cancellationToken);
        var (learned, unknown) = await ErasedLearners.ForgetAsync(transaction, person, erasureId, cancellationToken);
        var runs = await transaction.Connection.QueryAsync<string>(transaction.Command(Runs, new { organizationId }, cancellationToken));
        var receipt = new ErasureReceipt(
            erasureId, kept is null ? Erasure : Anonymization, organizationId, DateTimeOffset.FromUnixTimeMilliseconds(time.NowMs()), by, Convert.ToHexStringLower(Tombstones.HashOf(own, Trace.Lead(person.LeadIds[0]))), person.LeadIds.Count,
            [.. stores.Where(s => s.Value > 0).Select(s => new ErasedStore(s.Key, s.Value))], person.Traces.Count, learned, unknown, [.. runs], kept?.Count);
        await AnonymousLeads.AddAsync(transaction, organizationId, kept ?? [], cancellationToken);
        var signed = SignedReceipt.Sign(receipt, own);
        await ErasureStore.AddAsync(transaction, organizationId, receipt, signed, cancellationToken);
        audit.Append(transaction, organizationId, kept is null ? AuditKind.LeadErased : AuditKind.LeadAnonymized, erasureId, new { leads = person.LeadIds.Count });
        return (person, receipt, signed);
    }

    /// <summary>The lead, those that are the same person, and all that tells who it is. Until the transaction ends, what comes in for them waits, and then finds them gone.</summary>
    private async Task<ErasedPerson> FindAsync(WriteTransaction transaction, string organizationId, string leadId, IReadOnlyCollection<Trace> also, CancellationToken cancellationToken)
    {
        const string Attributes = "select attributes from leads where organization_id = @organizationId and lead_id = @id";
        var leads = new List<string> { leadId };
        var traces = new HashSet<Trace>(also) { Trace.Lead(leadId) };
        for (var i = 0; i < leads.Count && leads.Count < MostLeads; i++)
        {
            foreach (var find in finders)
            {
                var (same, known) = await find(transaction, organizationId, leads[i], cancellationToken);
                traces.UnionWith(known);
                leads.AddRange(same.Where(s => !leads.Contains(s)));
            }
        }

        await LeadStore.LockAsync(transaction, organizationId, leads, cancellationToken);
        foreach (var id in leads)
        {
            if (await transaction.Connection.ExecuteScalarAsync<string?>(transaction.Command(Attributes, new { organizationId, id }, cancellationToken)) is { } attributes) traces.UnionWith(Trace.Of(id, attributes));
            else traces.Add(Trace.Lead(id));
        }

        return new ErasedPerson(organizationId, leads, traces);
    }

    /// <summary>Takes what was deleted out of the files, where that is done at once.</summary>
    internal async Task<bool> ScrubAsync()
    {
        var throughMs = time.NowMs();
        if (!await database.ScrubAsync(options.Value.ScrubAtOnceMegabytes * 1_000_000L, CancellationToken.None)) return false;
        await store.ScrubbedAsync(throughMs, time.NowMs(), CancellationToken.None);
        return true;
    }
}
