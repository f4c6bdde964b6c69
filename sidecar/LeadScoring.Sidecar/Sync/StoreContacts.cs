using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Takes contacts of an account in: finds whose they are, stores their attributes, links and merges. Doing it twice changes nothing.</summary>
/// <remarks>
/// A record that is not linked belongs to the lead with its e-mail address, else it is a new lead. The first account that knows a lead names its attributes; further accounts' attributes carry the account's name in front,
/// so that two systems never overwrite each other in turns.
/// </remarks>
internal sealed class StoreContacts(LeadStore leads, LeadLinkStore links, Tombstones tombstones, MergeLeads merges, StoreDeals deals)
{
    /// <summary>Attribute of a lead whose record was deleted; a profile may exclude by it.</summary>
    internal const string DeletedAttribute = "crm_deleted";
    private const int MostText = 4_000;

    /// <returns>Leads that changed.</returns>
    internal async Task<int> RunAsync(WriteTransaction transaction, ConnectorAccount account, IReadOnlyList<ContactRecord> contacts, CancellationToken cancellationToken)
    {
        if (contacts.Count == 0) return 0;
        // Of a record that comes twice in a page the last counts.
        ContactRecord[] records = [.. contacts.GroupBy(c => c.Id, StringComparer.Ordinal).Select(g => g.Last())];
        var known = await LeadLinkStore.LinksAsync(transaction, account, records.SelectMany(r => r.MergedIds.Prepend(r.Id)), cancellationToken);
        var hashes = records.ToDictionary(r => r.Id, HashesOf, StringComparer.Ordinal);
        var erased = await ErasedAsync(transaction, account, records, hashes, known, cancellationToken);
        var byEmail = await LeadLinkStore.LeadsOfEmailsAsync(transaction, account.OrganizationId, hashes.Values.SelectMany(h => h), cancellationToken);
        var linked = await LeadLinkStore.LinkedAsync(transaction, account.OrganizationId, byEmail.Values, cancellationToken);
        var put = new List<(LeadLink Link, string By)>();
        var takenIn = new List<(ContactRecord Record, LeadLink Link, bool WasDeleted)>(records.Length);
        var emails = new Dictionary<string, string>(StringComparer.Ordinal);
        var found = new HashSet<LeadMerge>();
        foreach (var record in records)
        {
            var link = known.GetValueOrDefault(record.Id);
            if (link?.IsErased == true || erased.Contains(record.Id) || (link is null && record.IsDeleted)) continue;
            var owner = hashes[record.Id].Select(h => byEmail.GetValueOrDefault(h) ?? emails.GetValueOrDefault(h)).FirstOrDefault(l => l is not null);
            var now = link ?? new LeadLink { RecordId = record.Id, LeadId = owner ?? $"{account.Name}-{record.Id}", IsPrimary = owner is null || !linked.Contains(owner) };
            linked.Add(now.LeadId);
            if (link is null || link.IsDeleted != record.IsDeleted) put.Add((now with { IsDeleted = record.IsDeleted }, link is null && owner is not null ? "email" : "new"));
            foreach (var hash in hashes[record.Id].Where(h => !byEmail.ContainsKey(h))) emails.TryAdd(hash, now.LeadId);
            if (owner is not null && owner != now.LeadId) found.Add(new LeadMerge(owner, now.LeadId, "email"));
            found.UnionWith(record.MergedIds.Select(known.GetValueOrDefault).OfType<LeadLink>().Where(l => !l.IsErased && l.LeadId != now.LeadId).Select(l => new LeadMerge(now.LeadId, l.LeadId, "merged_by_vendor")));
            takenIn.Add((record, now, link?.IsDeleted == true));
        }

        await links.PutLinksAsync(transaction, account, put, cancellationToken);
        await LeadLinkStore.PutEmailsAsync(transaction, account.OrganizationId, emails, cancellationToken);
        var into = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var merge in found.OrderBy(m => m.MergedLeadId, StringComparer.Ordinal))
        {
            if (await merges.RunAsync(transaction, account, merge, cancellationToken)) into[merge.MergedLeadId] = merge.LeadId;
        }

        LeadWrite[] writes = [.. takenIn.Select(t => into.TryGetValue(t.Link.LeadId, out var winner) ? WriteOf(account, t.Record, t.Link with { LeadId = winner, IsPrimary = false }, t.WasDeleted) : WriteOf(account, t.Record, t.Link, t.WasDeleted))];
        var statuses = await leads.UpsertAsync(transaction, account.OrganizationId, writes, cancellationToken);
        // Deals may have come before their contacts.
        await deals.RenewOutcomesAsync(transaction, account, put.Select(p => p.Link.RecordId), cancellationToken);
        return statuses.Count(s => s is LeadWriteStatus.Created or LeadWriteStatus.Updated);
    }

    /// <summary>Records of people who were erased: by the record itself, or by an address when the record is new.</summary>
    private async Task<HashSet<string>> ErasedAsync(
        WriteTransaction transaction, ConnectorAccount account, ContactRecord[] records, Dictionary<string, string[]> hashes, Dictionary<string, LeadLink> known, CancellationToken cancellationToken)
    {
        IEnumerable<Trace> Traces(ContactRecord record) => known.ContainsKey(record.Id) ? [Trace.Record(account.Name, record.Id)]
            : [Trace.Record(account.Name, record.Id), .. record.MergedIds.Select(id => Trace.Record(account.Name, id)), .. hashes[record.Id].Select(Trace.EmailHash)];
        var refused = await tombstones.RefuseAsync(transaction, account.OrganizationId, records.SelectMany(Traces), cancellationToken);
        return refused.Count == 0 ? [] : [.. records.Where(r => Traces(r).Any(refused.Contains)).Select(r => r.Id)];
    }

    private static string[] HashesOf(ContactRecord record) => record.IsDeleted ? []
        : [.. record.OtherEmails.Prepend(record.Email).Where(e => e?.Contains('@') == true).Select(e => LeadLinkStore.HashOf(e!)).Distinct(StringComparer.Ordinal)];

    private static LeadWrite WriteOf(ConnectorAccount account, ContactRecord record, LeadLink link, bool wasDeleted)
    {
        var attributes = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, value) in record.Properties)
        {
            var plain = link.IsPrimary ? name : $"{account.Name}_{name}";
            if (plain.Length is 0 or > LeadAttributes.MaxNameLength || ItemReader.Check("", plain, LeadAttributes.MaxNameLength) is not null) continue;
            attributes[plain] = string.IsNullOrWhiteSpace(value) ? null : LeadAttributes.FromText(value.Length <= MostText ? value : value[..MostText]);
        }

        if (record.IsDeleted) attributes[DeletedAttribute] = "true";
        else if (wasDeleted) attributes[DeletedAttribute] = null;
        return new LeadWrite(link.LeadId, attributes, link.IsPrimary && !record.IsDeleted ? record.CreatedAt?.ToUnixTimeMilliseconds() : null);
    }
}
