using System.Security.Cryptography;
using System.Text;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Imports;

/// <summary>Bytes read of the file, for a progress bar.</summary>
internal readonly record struct ImportStep(long Rows, double Share);

/// <summary>Imports a CSV file in batches, each one transaction together with the row offset: killed at any point, it goes on where it was.</summary>
internal sealed class CsvImport(
    Database database, LeadStore leads, EventStore events, OutcomeStore outcomes, ImportProgressStore store, IOptions<ImportOptions> options, TimeProvider time)
{
    /// <exception cref="CsvException">The file or the mapping cannot be used; nothing was stored.</exception>
    internal async Task<ImportReport> RunAsync(ImportRequest request, IProgress<ImportStep>? progress, CancellationToken cancellationToken)
    {
        if (request.IsDryRun || request.IsStrict)
        {
            var looked = await LookAsync(request, cancellationToken);
            if (request.IsDryRun || looked.Rejected > 0) return looked;
        }

        using var table = CsvTable.Open(request.Path, request.Mapping.Names);
        var reader = RowReader.For(table, request.Mapping);
        var fileSha256 = await HashAsync(request.Path, cancellationToken);
        var importId = ImportId(fileSha256, request.Mapping);
        var start = await store.StartAsync(request.OrganizationId, importId, request.Mapping.Kind, fileSha256, request.Again, cancellationToken);
        if (start.IsDone) return Report(ImportStatus.DoneBefore, request, table, start.Tally, start.RowsDone);
        for (var skip = start.RowsDone; skip > 0 && table.Read() is not null; skip--) cancellationToken.ThrowIfCancellationRequested();
        var tally = start.Tally;
        for (var more = true; more;)
        {
            var from = tally.Rows;
            var batch = table.Rows().Take(options.Value.BatchRows).Select(row => reader.Read(row, start.StartedAtMs)).ToList();
            more = batch.Count == options.Value.BatchRows;
            tally = await database.WriteAsync(async transaction =>
            {
                var counted = tally.Copy();
                counted.Rows += batch.Count;
                await StoreAsync(transaction, request.OrganizationId, batch, counted, cancellationToken);
                await store.AdvanceAsync(transaction, request.OrganizationId, importId, from, counted, more ? table.Share : 1, isDone: !more, cancellationToken);
                return counted;
            }, cancellationToken);
            progress?.Report(new ImportStep(tally.Rows, more ? table.Share : 1));
        }

        return Report(ImportStatus.Done, request, table, tally, start.RowsDone);
    }

    /// <summary>Reads the whole file as an import would, and stores nothing.</summary>
    private async Task<ImportReport> LookAsync(ImportRequest request, CancellationToken cancellationToken)
    {
        using var table = CsvTable.Open(request.Path, request.Mapping.Names);
        var reader = RowReader.For(table, request.Mapping);
        var profiler = new ColumnProfiler(table);
        var tally = new ImportTally();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rows in table.Rows().Chunk(options.Value.BatchRows))
        {
            cancellationToken.ThrowIfCancellationRequested();
            ImportItem[] items = [.. rows.Select(row => reader.Read(row, time.NowMs()))];
            foreach (var row in rows) profiler.Add(row);
            tally.Rows += rows.Length;
            foreach (var item in items) Count(item, seen, tally);
            if (request.Mapping.Kind == ImportKind.Outcomes) await CountUnknownAsync(request.OrganizationId, items, tally, cancellationToken);
        }

        var status = request.IsDryRun ? ImportStatus.DryRun : ImportStatus.Refused;
        return Report(status, request, table, tally, 0) with { Columns = profiler.Summaries(reader.Role) };
    }

    private static void Count(ImportItem item, HashSet<string> seen, ImportTally tally)
    {
        if (item.Fault is not null) tally.Reject(item.Line, item.Fault);
        else if ((item.Lead?.LeadId ?? item.Event?.Event.EventId) is { } id && !seen.Add(id)) tally.Duplicates++;
        if (item.Outcome is not null) tally.Outcomes++;
    }

    private async Task CountUnknownAsync(string organizationId, ImportItem[] items, ImportTally tally, CancellationToken cancellationToken)
    {
        var known = await leads.GetManyAsync(organizationId, [.. items.Select(i => i.Outcome?.LeadId).OfType<string>()], cancellationToken);
        foreach (var item in items.Where(i => i.Outcome is { } o && !known.ContainsKey(o.LeadId))) tally.Reject(item.Line, UnknownLead);
    }

    private const string UnknownLead = "There is no lead with this id. Import the leads first.";

    private async Task StoreAsync(WriteTransaction transaction, string organizationId, List<ImportItem> batch, ImportTally tally, CancellationToken cancellationToken)
    {
        await LeadStore.LockAsync(transaction, organizationId, batch.Select(i => i.Lead?.LeadId ?? i.Event?.LeadId ?? i.Outcome?.LeadId).OfType<string>(), cancellationToken);
        foreach (var item in batch.Where(i => i.Fault is not null)) tally.Reject(item.Line, item.Fault!);
        var erased = new HashSet<string>(StringComparer.Ordinal);
        var leadItems = batch.Where(i => i.Lead is not null).ToList();
        tally.Duplicates += leadItems.Count - leadItems.DistinctBy(i => i.Lead!.LeadId).Count();
        foreach (var (item, status) in leadItems.Zip(await leads.UpsertAsync(transaction, organizationId, [.. leadItems.Select(i => i.Lead!)], cancellationToken, erased)))
        {
            if (status == LeadWriteStatus.Created) tally.Created++;
            else if (status == LeadWriteStatus.Updated) tally.Updated++;
            else if (status == LeadWriteStatus.Unchanged) tally.Unchanged++;
            else tally.Reject(item.Line, erased.Contains(item.Lead!.LeadId) ? Tombstones.Refusal : LeadBatch.TooMany);
        }

        var eventItems = batch.Where(i => i.Event is not null).ToList();
        var isNew = await events.AppendAsync(transaction, organizationId, [.. eventItems.Select(i => i.Event!)], cancellationToken, erased);
        foreach (var (item, added) in eventItems.Zip(isNew))
        {
            if (added) tally.Created++;
            else if (erased.Contains(item.Event!.LeadId)) tally.Reject(item.Line, Tombstones.Refusal);
            else tally.Duplicates++;
        }

        await StoreOutcomesAsync(transaction, organizationId, [.. batch.Where(i => i.Outcome is { } o && !erased.Contains(o.LeadId))], tally, cancellationToken);
    }

    private async Task StoreOutcomesAsync(WriteTransaction transaction, string organizationId, List<ImportItem> items, ImportTally tally, CancellationToken cancellationToken)
    {
        if (items.Count == 0) return;
        foreach (var (item, status) in items.Zip(await outcomes.WriteAsync(transaction, organizationId, [.. items.Select(i => i.Outcome!)], cancellationToken)))
        {
            if (status == OutcomeStatus.Rejected) tally.Reject(item.Line, UnknownLead);
            else tally.Outcomes++;
            // A label beside a lead is counted as an outcome only; the row itself is the lead's.
            if (item.Lead is not null) continue;
            if (status == OutcomeStatus.Recorded) tally.Created++;
            else if (status == OutcomeStatus.Updated) tally.Updated++;
            else if (status == OutcomeStatus.Unchanged) tally.Unchanged++;
        }
    }

    private static async Task<string> HashAsync(string path, CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken));
    }

    // The same file read in another way is another import.
    private static string ImportId(string fileSha256, ImportMapping mapping) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{fileSha256}\n{mapping.Kind}\n{mapping.IdColumn}\n{mapping.LabelColumn}\n{mapping.Positive}{string.Concat((mapping.Names ?? new Dictionary<string, string>()).OrderBy(n => n.Key, StringComparer.Ordinal).Select(n => $"\n{n.Key}\t{n.Value}"))}")));

    private static ImportReport Report(ImportStatus status, ImportRequest request, CsvTable table, ImportTally tally, long resumedAtRow) => new(
        status, request.Mapping.Kind, table.Dialect.Encoding.WebName, table.Dialect.Delimiter == '\t' ? "tab" : table.Dialect.Delimiter.ToString(), resumedAtRow,
        tally.Rows, tally.Created, tally.Updated, tally.Unchanged, tally.Duplicates, tally.Outcomes, tally.Rejected, tally.Faults);
}
