using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>What is walked.</summary>
/// <param name="Type">Object, such as Lead.</param>
/// <param name="Fields">Fields to read; <c>Id</c>, <see cref="Stamp"/> and IsDeleted among them.</param>
internal sealed record SalesforceSource(string Type, Func<CancellationToken, Task<IReadOnlyList<string>>> Fields)
{
    /// <summary>Field of the moment of change; that of another object to find what changes with it.</summary>
    internal string Stamp { get; init; } = "SystemModstamp";

    /// <summary>Condition; null: all.</summary>
    internal string? Where { get; init; }

    /// <summary>Only changes from the first look on: what there is has been read by another source.</summary>
    internal bool IsOnlyChanges { get; init; }

    /// <summary>Asks for deletions, too: a record that was deleted and purged is in no query.</summary>
    internal bool WithDeletions { get; init; }
}

/// <summary>One page of a walk.</summary>
/// <param name="Source">Of which source.</param>
/// <param name="Rows">Records.</param>
/// <param name="Deleted">Ids that are told to be deleted.</param>
/// <param name="Next">Where to go on.</param>
/// <param name="HasMore">Whether there is more now.</param>
internal sealed record SalesforcePage(SalesforceSource Source, IReadOnlyList<SalesforceRow> Rows, IReadOnlyList<string> Deleted, string Next, bool HasMore);

/// <summary>
/// Walks sources one after the other: all records first, by a bulk job where there are many, then those that changed, in the order of the moment of change and of ids, then deletions once an hour.
/// </summary>
/// <remarks>
/// SystemModstamp has seconds, and a mass update gives thousands of records the same one: the cursor is moment and id, and the next page begins behind both. The address of a next page is used while it is good
/// (two days at most); moment and id find the same place without it. Records are committed later than their stamp says: each walk reaches back <see cref="Overlap"/> before the start of the last one.
/// </remarks>
internal sealed class SalesforceWalk(string account, SalesforceClient client, long bulkFrom, TimeProvider time, params SalesforceSource[] sources)
{
    internal const string Bulk = "bulk";
    internal const string Changed = "changed";
    internal const string Deletions = "deletions";

    internal static readonly TimeSpan Overlap = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan DeletionsEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestDeletions = TimeSpan.FromDays(29);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(10);

    /// <exception cref="ConnectorException">The cursor is not one of ours, or the vendor does not answer.</exception>
    internal async Task<SalesforcePage> ReadAsync(string? text, CancellationToken cancellationToken)
    {
        var cursor = Parse(text);
        var (source, at) = (sources[cursor.At], cursor.Sources[cursor.At]);
        if (at.Phase.Length == 0) at = await BeginAsync(source, cancellationToken);
        var (rows, deleted, next, isDone) = at.Phase switch
        {
            Bulk => await ReadBulkAsync(source, at, cancellationToken),
            Deletions => await ReadDeletionsAsync(source, at, cancellationToken),
            _ => await ReadChangedAsync(source, at, cancellationToken),
        };
        SourceCursor[] all = [.. cursor.Sources];
        all[cursor.At] = next;
        var isLast = isDone && cursor.At + 1 == sources.Length;
        var after = new WalkCursor(isDone ? (cursor.At + 1) % sources.Length : cursor.At, all);
        return new SalesforcePage(source, rows, deleted, JsonSerializer.Serialize(after, SalesforceJson.Default.WalkCursor), !isLast);
    }

    private WalkCursor Parse(string? text)
    {
        if (text is null) return new WalkCursor(0, [.. sources.Select(_ => new SourceCursor())]);
        try
        {
            if (JsonSerializer.Deserialize(text, SalesforceJson.Default.WalkCursor) is { Sources: not null } cursor && cursor.At >= 0 && cursor.At < sources.Length && cursor.Sources.Count == sources.Length) return cursor;
        }
        catch (JsonException e)
        {
            throw new ConnectorException(account, ConnectorFailure.Misconfigured, "the stored cursor cannot be read", e);
        }

        throw new ConnectorException(account, ConnectorFailure.Misconfigured, "the stored cursor cannot be read");
    }

    private async Task<SourceCursor> BeginAsync(SalesforceSource source, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var start = new SourceCursor(Changed, Started: now, DeletedTo: now);
        if (source.IsOnlyChanges) return start with { Stamp = now - Overlap };
        var count = await client.QueryAsync($"SELECT COUNT() FROM {source.Type}{(source.Where is null ? "" : " WHERE " + source.Where)}", withDeleted: false, RequestPriority.Background, cancellationToken);
        if (count.TotalSize < bulkFrom) return start;
        var soql = $"SELECT {string.Join(',', await source.Fields(cancellationToken))} FROM {source.Type}{(source.Where is null ? "" : " WHERE " + source.Where)}";
        return await client.StartJobAsync(soql, cancellationToken) is { } job ? start with { Phase = Bulk, Job = job.Id } : start;
    }

    private async Task<(IReadOnlyList<SalesforceRow>, IReadOnlyList<string>, SourceCursor, bool)> ReadBulkAsync(SalesforceSource source, SourceCursor at, CancellationToken cancellationToken)
    {
        if (at.Locator is null)
        {
            var state = (await client.JobAsync(at.Job!, cancellationToken))?.State;
            // It failed, or a week went by: without it, then. What it gave is read again.
            if (state is null or "Failed" or "Aborted") return ([], [], new SourceCursor(Changed, Started: at.Started, DeletedTo: at.DeletedTo), false);
            if (state != "JobComplete")
            {
                await Task.Delay(Poll, time, cancellationToken);
                return ([], [], at, false);
            }
        }

        var (rows, locator) = await client.ResultsAsync(at.Job!, at.Locator, cancellationToken);
        return (rows, [], locator is not null ? at with { Locator = locator } : new SourceCursor(Changed, Stamp: at.Started - Overlap, Started: at.Started, DeletedTo: at.DeletedTo), false);
    }

    private async Task<(IReadOnlyList<SalesforceRow>, IReadOnlyList<string>, SourceCursor, bool)> ReadChangedAsync(SalesforceSource source, SourceCursor at, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (at is { LastId: null, Next: null, Stamp: not null }) at = at with { Started = now };
        var page = at.Next is null ? null : await client.MoreAsync(at.Next, cancellationToken);
        page ??= await client.QueryAsync(await QueryOfAsync(source, at, cancellationToken), withDeleted: true, RequestPriority.Background, cancellationToken);
        SalesforceRow[] rows = [.. page.Records.Select(SalesforceRow.Of)];
        if (!page.Done && page.NextRecordsUrl is not null && rows.Length > 0 && rows[^1].Moment(source.Stamp) is { } stamp)
            return (rows, [], at with { Stamp = stamp, LastId = rows[^1].Id, Next = page.NextRecordsUrl }, false);
        var areDeletionsDue = source.WithDeletions && now - at.DeletedTo >= DeletionsEvery;
        return (rows, [], at with { Phase = areDeletionsDue ? Deletions : Changed, Stamp = at.Started - Overlap, LastId = null, Next = null }, !areDeletionsDue);
    }

    private static async Task<string> QueryOfAsync(SalesforceSource source, SourceCursor at, CancellationToken cancellationToken)
    {
        var stamp = at.Stamp is { } s ? SalesforceClient.Moment(s) : null;
        var window = stamp is null ? null : at.LastId is not null && SalesforceClient.IsId(at.LastId)
            ? string.Create(CultureInfo.InvariantCulture, $"({source.Stamp} > {stamp} OR ({source.Stamp} = {stamp} AND Id > '{at.LastId}'))") : $"{source.Stamp} >= {stamp}";
        var where = string.Join(" AND ", new[] { source.Where, window }.OfType<string>());
        return $"SELECT {string.Join(',', await source.Fields(cancellationToken))} FROM {source.Type}{(where.Length == 0 ? "" : " WHERE " + where)} ORDER BY {source.Stamp}, Id";
    }

    private async Task<(IReadOnlyList<SalesforceRow>, IReadOnlyList<string>, SourceCursor, bool)> ReadDeletionsAsync(SalesforceSource source, SourceCursor at, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var from = at.DeletedTo - Overlap < now - LongestDeletions ? now - LongestDeletions : at.DeletedTo - Overlap;
        return ([], await client.DeletedAsync(source.Type, from, now, cancellationToken), at with { Phase = Changed, DeletedTo = now }, true);
    }
}
