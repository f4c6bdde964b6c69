using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.SendGrid;

/// <summary>
/// The Email Activity API, which is a paid add-on. It has no pages: windows of time are halved until what is in them fits an answer. Once for activity, and once for contacts: who got an e-mail is looked for
/// among the contacts, which can only be searched by address.
/// </summary>
internal sealed class SendGridMessages(SendGridClient client, string account, TimeProvider time)
{
    // Of one kind and message; more say nothing more.
    private const int MostOfAKind = 20;
    private const long ShortestSpanMs = 1_000;

    // As far as the add-on reaches back.
    private static readonly TimeSpan History = TimeSpan.FromDays(30);
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(10);

    /// <summary>Messages of the next window; none when it holds too many and the next page will ask for half of it.</summary>
    internal async Task<(IReadOnlyList<Message> Messages, string Cursor, bool HasMore)> ReadAsync(string? cursor, CancellationToken cancellationToken)
    {
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        var at = StoredCursor.Read(account, cursor, SendGridJson.Default.MessageCursor) ?? new MessageCursor(nowMs - (long)History.TotalMilliseconds);
        if (at.StartedMs == 0) at = at with { StartedMs = nowMs };
        var toMs = at.SpanMs == 0 ? at.StartedMs : Math.Min(at.FromMs + at.SpanMs, at.StartedMs);
        var messages = await client.MessagesAsync(at.FromMs, toMs, SendGridClient.MessagePage, RequestPriority.Background, cancellationToken);
        if (messages.Count >= SendGridClient.MessagePage && toMs - at.FromMs > ShortestSpanMs) return ([], Text(at with { SpanMs = Math.Max(ShortestSpanMs, (toMs - at.FromMs) / 2) }), true);
        if (toMs < at.StartedMs) return (messages, Text(at with { FromMs = toMs, SpanMs = 2 * at.SpanMs }), true);
        return (messages, Text(new MessageCursor(at.StartedMs - (long)Overlap.TotalMilliseconds)), false);
    }

    /// <summary>
    /// What a message tells: counts, and the moment of the last event alone. The n-th open is one activity whenever it is found, at the moment by which it had happened: never before.
    /// </summary>
    internal static IEnumerable<ActivityRecord> Activity(Message m)
    {
        if (m.Status == "delivered" || m.OpensCount + m.ClicksCount > 0) yield return Record(m, "email_sent", 1);
        if (m.Status == "not_delivered") yield return Record(m, "email_bounced", 1);
        for (var n = 1; n <= Math.Min(m.OpensCount, MostOfAKind); n++) yield return Record(m, "email_opened", n);
        for (var n = 1; n <= Math.Min(m.ClicksCount, MostOfAKind); n++) yield return Record(m, "email_clicked", n);
    }

    private static ActivityRecord Record(Message m, string type, int n) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{(m.MsgId.Length <= 120 ? m.MsgId : m.MsgId[..120])}-{type}-{n}"), null, m.ToEmail, type, "email", m.LastEventTime);

    private static string Text(MessageCursor cursor) => JsonSerializer.Serialize(cursor, SendGridJson.Default.MessageCursor);
}
