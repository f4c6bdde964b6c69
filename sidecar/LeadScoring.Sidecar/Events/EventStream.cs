using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Events;

/// <summary>What a line of the answer to a stream of events tells.</summary>
public enum EventStreamStatus
{
    /// <summary>All lines up to this one are stored, but for the rejected.</summary>
    Stored,

    /// <summary>This line is not stored; the errors say why.</summary>
    Rejected,

    /// <summary>The end of the stream: everything is stored, but for the rejected.</summary>
    Done,

    /// <summary>More came in than can be scored: send the lines after this one again, later.</summary>
    Stopped,
}

/// <summary>NDJSON of events in, any number of lines: stored batch by batch while the rest is still coming, in memory that does not grow.</summary>
/// <remarks>
/// Answers with a line a batch, and one for each line that is bad, the first 1,000 of them. A sender that hears nothing more has everything up to the last "stored" stored,
/// and may send all of it again: events are known by their ids.
/// </remarks>
internal static class EventStream
{
    internal const string ContentType = "application/x-ndjson";

    private const int BatchLines = 2_000;
    private const int BatchChars = 2_000_000;
    private const int MaxLineChars = 1_000_000;

    // Some senders read nothing before they have sent everything: answers must fit what lies between.
    private const int MostFaultsTold = 1_000;

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    /// <param name="Line">The line meant, from 1; for stored, done and stopped the last one that was read.</param>
    /// <param name="Accepted">New events so far.</param>
    /// <param name="Duplicate">Events so far whose ids were known.</param>
    /// <param name="Rejected">Lines so far that were not stored.</param>
    public sealed record Answer(
        EventStreamStatus Status, long Line, long? Accepted = null, long? Duplicate = null, long? Rejected = null, IReadOnlyList<FieldError>? Errors = null, int? RetryAfterSeconds = null);

    internal static async Task HandleAsync(
        HttpContext http, Caller caller, Ingestion ingestion, IngestionGate gate, EventStore store, TimeProvider time, IOptions<JsonOptions> json, CancellationToken cancellationToken)
    {
        http.Response.ContentType = ContentType;
        using var reader = new StreamReader(http.Request.Body);
        var batch = new Batch(caller, store, time, answer => WriteAsync(http, answer, json.Value, cancellationToken));
        var lines = new LineReader(reader, MaxLineChars);
        while (await lines.ReadAsync(cancellationToken) is { } line)
        {
            batch.Add(line);
            if (!batch.IsFull) continue;
            if (await WaitForRoomAsync(gate, caller, cancellationToken))
            {
                await batch.StoreAsync(EventStreamStatus.Stored, cancellationToken);
                continue;
            }

            await WriteAsync(http, batch.Stopped(), json.Value, cancellationToken);
            return;
        }

        await batch.StoreAsync(EventStreamStatus.Done, cancellationToken);
    }

    /// <summary>Not reading on is what slows the sender down; after a while it is told to come again.</summary>
    private static async Task<bool> WaitForRoomAsync(IngestionGate gate, Caller caller, CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; await gate.IsQueueFullAsync(caller.OrganizationId, cancellationToken); waited += LookEvery)
        {
            if (waited >= LongestWait) return false;
            await Task.Delay(LookEvery, cancellationToken);
        }

        return true;
    }

    private static async Task WriteAsync(HttpContext http, Answer answer, JsonOptions json, CancellationToken cancellationToken)
    {
        await JsonSerializer.SerializeAsync(http.Response.Body, answer, json.SerializerOptions, cancellationToken);
        await http.Response.Body.WriteAsync("\n"u8.ToArray(), cancellationToken);
        if (answer.Status != EventStreamStatus.Rejected) await http.Response.Body.FlushAsync(cancellationToken);
    }

    /// <summary>Lines that are stored together, and the sums so far.</summary>
    private sealed class Batch(Caller caller, EventStore store, TimeProvider time, Func<Answer, Task> answer)
    {
        private readonly List<(LineReader.Line Text, long Line)> lines = new(BatchLines);
        private long read, storedUpTo, accepted, duplicate, rejected;
        private int chars;

        internal bool IsFull => lines.Count == BatchLines || chars >= BatchChars;

        internal void Add(LineReader.Line line)
        {
            read++;
            if (line.IsEmpty) return;
            lines.Add((line, read));
            chars += line.Text.Length;
        }

        internal async Task StoreAsync(EventStreamStatus status, CancellationToken cancellationToken)
        {
            var nowMs = time.NowMs();
            var events = new List<LeadEvent>(lines.Count);
            var lineOf = new List<long>(lines.Count);
            var erased = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (text, line) in lines)
            {
                var item = ItemLine.Parse(text, line - 1, caller, MaxLineChars);
                if (EventItem.Read(item, nowMs) is { } e)
                {
                    events.Add(e);
                    lineOf.Add(line);
                }
                else if (rejected++ < MostFaultsTold) await answer(new Answer(EventStreamStatus.Rejected, line, Errors: item.Errors));
            }

            var isNew = await store.AppendAsync(caller.OrganizationId, events, cancellationToken, erased);
            accepted += isNew.Count(n => n);
            duplicate += isNew.Where((n, i) => !n && !erased.Contains(events[i].LeadId)).Count();
            foreach (var (e, line) in events.Zip(lineOf).Where(e => erased.Contains(e.First.LeadId)))
            {
                if (rejected++ < MostFaultsTold) await answer(new Answer(EventStreamStatus.Rejected, line, Errors: [new FieldError("/lead_id", Tombstones.Refusal)]));
            }

            storedUpTo = read;
            lines.Clear();
            chars = 0;
            await answer(new Answer(status, read, accepted, duplicate, rejected));
        }

        internal Answer Stopped() => new(EventStreamStatus.Stopped, storedUpTo, accepted, duplicate, rejected, RetryAfterSeconds: 30);
    }
}
