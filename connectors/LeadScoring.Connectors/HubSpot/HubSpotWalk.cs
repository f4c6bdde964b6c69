using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>
/// Walks all objects of a type, then those that changed, then those that were archived, and so on from the cursor.
/// </summary>
/// <remarks>
/// The first walk lists: it has no bound, and what changes meanwhile is found by the next one, which begins where this one began. Later walks search by the moment of change, in the order of ids and
/// from the last id on, so that no search ever comes near its 10,000 results and a record that changes in the middle is found again by the next walk. Each window reaches back
/// <see cref="Overlap"/> before the start of the last one: the search index lags behind writes, and clocks differ. Searches and lists pass over archived objects: they are listed once an hour.
/// </remarks>
internal sealed class HubSpotWalk(HubSpotClient client, string type, string modified, IReadOnlyList<string> properties, TimeProvider time)
{
    internal const string Listing = "list";
    internal const string Changing = "changed";
    internal const string Archiving = "archived";

    internal static readonly TimeSpan Overlap = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ArchivedEvery = TimeSpan.FromHours(1);

    /// <summary>Associations that lists of the first walk bring along; null for none.</summary>
    internal string? Associations { get; init; }

    /// <exception cref="ConnectorException">The cursor is not one of ours.</exception>
    internal static WalkCursor? Parse(string account, string? cursor)
    {
        if (cursor is null) return null;
        try
        {
            return JsonSerializer.Deserialize(cursor, HubSpotJson.Default.WalkCursor);
        }
        catch (JsonException e)
        {
            throw new ConnectorException(account, ConnectorFailure.Misconfigured, "the stored cursor cannot be read", e);
        }
    }

    internal static string Text(WalkCursor cursor) => JsonSerializer.Serialize(cursor, HubSpotJson.Default.WalkCursor);

    /// <summary>The next page, and where the one after it begins.</summary>
    internal async Task<(IReadOnlyList<CrmObject> Objects, WalkCursor Next, bool HasMore)> ReadAsync(WalkCursor? cursor, CancellationToken cancellationToken)
    {
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        cursor ??= new WalkCursor(Listing, StartedMs: nowMs, ArchivedMs: nowMs);
        return cursor.Phase switch
        {
            Listing => await ListAsync(cursor, cancellationToken),
            Archiving => await ListArchivedAsync(cursor, cancellationToken),
            _ => await SearchAsync(cursor, nowMs, cancellationToken),
        };
    }

    private async Task<(IReadOnlyList<CrmObject>, WalkCursor, bool)> ListAsync(WalkCursor cursor, CancellationToken cancellationToken)
    {
        var page = await client.ListAsync(type, cursor.After, properties, archived: false, Associations, RequestPriority.Background, cancellationToken);
        return page.Paging?.Next is { } next
            ? (page.Results, cursor with { After = next.After }, true)
            : (page.Results, Walked(cursor), true);
    }

    private async Task<(IReadOnlyList<CrmObject>, WalkCursor, bool)> SearchAsync(WalkCursor cursor, long nowMs, CancellationToken cancellationToken)
    {
        if (cursor.LastId == 0) cursor = cursor with { StartedMs = nowMs };
        var page = await client.SearchChangedAsync(type, modified, cursor.FromMs, cursor.LastId, properties, HubSpotClient.SearchPage, cancellationToken);
        if (page.Results.Count > 0 && page.Paging?.Next is not null)
        {
            // Of what the search says is in order: a page that stood still would be asked for without end.
            var last = page.Results.Max(o => Id(o));
            if (last > cursor.LastId) return (page.Results, cursor with { LastId = last }, true);
        }

        var next = Walked(cursor);
        var archivedDue = nowMs - cursor.ArchivedMs >= ArchivedEvery.TotalMilliseconds;
        return (page.Results, archivedDue ? next with { Phase = Archiving, ArchivedMs = nowMs } : next, archivedDue);
    }

    private async Task<(IReadOnlyList<CrmObject>, WalkCursor, bool)> ListArchivedAsync(WalkCursor cursor, CancellationToken cancellationToken)
    {
        var page = await client.ListAsync(type, cursor.After, ["hs_object_id"], archived: true, null, RequestPriority.Background, cancellationToken);
        IReadOnlyList<CrmObject> archived = [.. page.Results.Select(o => o with { Archived = true })];
        return page.Paging?.Next is { } next ? (archived, cursor with { After = next.After }, true) : (archived, cursor with { Phase = Changing, After = null }, false);
    }

    private static WalkCursor Walked(WalkCursor cursor) => cursor with { Phase = Changing, After = null, FromMs = WindowFrom(cursor.StartedMs), LastId = 0 };

    internal static long WindowFrom(long startedMs) => startedMs - (long)Overlap.TotalMilliseconds;

    internal static long Id(CrmObject o) => long.TryParse(o.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0;
}
