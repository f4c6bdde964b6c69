using System.Text.Json;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>What is walked, one page at a time.</summary>
/// <param name="ReadAsync">Reads the page that begins at the second argument (null: the first) of what changed since the first (null: everything); gives what is in it and where the next one begins.</param>
/// <param name="Every">How often changes are looked for.</param>
internal sealed record PipedriveSource<T>(Func<DateTimeOffset?, string?, CancellationToken, Task<(IReadOnlyList<T> Items, string? Next)>> ReadAsync, TimeSpan Every);

/// <summary>
/// Walks sources one after the other: everything first, then what changed. Each window reaches back <see cref="Overlap"/> before the start of the last walk: times of change have whole seconds, and clocks differ.
/// The vendor's page cursors are behind a record and not at a number, so that changes in between shift nothing.
/// </summary>
internal sealed class PipedriveWalk<T>(string account, TimeProvider time, params PipedriveSource<T>[] sources)
{
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(2);

    /// <exception cref="ConnectorException">The cursor is not one of ours, or the vendor does not answer.</exception>
    internal async Task<Page<T>> ReadAsync(string? text, CancellationToken cancellationToken)
    {
        var cursor = Parse(text);
        var (now, at, source) = (time.GetUtcNow(), cursor.Sources[cursor.At], sources[cursor.At]);
        IReadOnlyList<T> items = [];
        if (at.Next is not null || at.From is null || now - at.Started >= source.Every)
        {
            if (at.Next is null) at = at with { Started = now };
            string? next;
            (items, next) = await source.ReadAsync(at.From, at.Next, cancellationToken);
            at = next is null ? at with { From = at.Started - Overlap, Next = null } : at with { Next = next };
        }

        SourceCursor[] all = [.. cursor.Sources];
        all[cursor.At] = at;
        var isDone = at.Next is null;
        var isLast = isDone && cursor.At + 1 == sources.Length;
        var after = new WalkCursor(isDone ? (cursor.At + 1) % sources.Length : cursor.At, all);
        return new Page<T>(items, JsonSerializer.Serialize(after, PipedriveJson.Default.WalkCursor), !isLast);
    }

    private WalkCursor Parse(string? text)
    {
        if (text is null) return new WalkCursor(0, [.. sources.Select(_ => new SourceCursor())]);
        try
        {
            if (JsonSerializer.Deserialize(text, PipedriveJson.Default.WalkCursor) is { Sources: not null } cursor && cursor.At >= 0 && cursor.At < sources.Length && cursor.Sources.Count == sources.Length) return cursor;
        }
        catch (JsonException e)
        {
            throw new ConnectorException(account, ConnectorFailure.Misconfigured, "the stored cursor cannot be read", e);
        }

        throw new ConnectorException(account, ConnectorFailure.Misconfigured, "the stored cursor cannot be read");
    }
}
