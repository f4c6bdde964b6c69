using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using LeadScoring.Connectors.Tests.HubSpot;

namespace LeadScoring.Sidecar.Tests.Sync;

/// <summary>Changes at a simulated CRM, so many a second: people come and open their mails, webhooks tell of it; and how long after a change the score that follows from it is in the CRM.</summary>
internal sealed class ChangeStream(HubSpotSimulator hubspot, TimeProvider time)
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly Queue<string> quiet = new();

    /// <summary>People who got mails long ago and opened none: the first open changes what is thought of them.</summary>
    internal void Fill(int people)
    {
        for (var i = 0; i < people; i++) quiet.Enqueue(hubspot.Add("contacts", [("email", $"quiet{i}@example.com"), .. Mails(opened: false)]));
    }

    private (string, string?)[] Mails(bool opened)
    {
        string Ms(TimeSpan ago) => (time.GetUtcNow() - ago).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        return
        [
            ("hs_email_delivered", "2"), ("hs_email_first_send_date", Ms(TimeSpan.FromDays(60))), ("hs_email_last_send_date", Ms(TimeSpan.FromDays(50))),
            ("hs_email_open", opened ? "1" : null), ("hs_email_last_open_date", opened ? Ms(TimeSpan.FromSeconds(1)) : null),
        ];
    }

    /// <summary>Lets things happen, one in five a person who is new, and waits until all scores are written or half a minute is over.</summary>
    /// <param name="webhook">Where webhooks go to.</param>
    /// <returns>Seconds from each change to its score, in ascending order; of one that was not written infinity.</returns>
    internal async Task<double[]> RunAsync(HttpClient client, Uri webhook, int perSecond, TimeSpan length)
    {
        var (clock, changed, notices) = (Stopwatch.StartNew(), new ConcurrentDictionary<string, long>(StringComparer.Ordinal), new List<Task>());
        for (var n = 0; clock.Elapsed < length && n <= length.TotalSeconds * perSecond; n++)
        {
            var due = TimeSpan.FromSeconds((double)n / perSecond);
            if (due > clock.Elapsed) await Task.Delay(due - clock.Elapsed);
            var isNew = n % 5 == 0;
            string id;
            if (isNew) id = hubspot.Add("contacts", [("email", $"new{n}@example.com"), .. Mails(opened: true)]);
            else hubspot.Set("contacts", id = quiet.Dequeue(), Mails(opened: true));
            changed[id] = Stopwatch.GetTimestamp();
            notices.Add(TellAsync(client, webhook, (isNew ? "contact.creation" : "contact.propertyChange", id)));
        }

        await Task.WhenAll(notices);
        Dictionary<string, double> delays;
        do
        {
            await Task.Delay(100);
            delays = hubspot.Writes.Where(w => changed.TryGetValue(w.Id, out var at) && w.At > at).GroupBy(w => w.Id).ToDictionary(g => g.Key, g => Stopwatch.GetElapsedTime(changed[g.Key], g.Min(w => w.At)).TotalSeconds);
        }
        while (delays.Count < changed.Count && clock.Elapsed < length + LongestWait);
        return [.. changed.Keys.Select(id => delays.GetValueOrDefault(id, double.PositiveInfinity)).Order()];
    }

    /// <summary>Sends a webhook, which must be believed.</summary>
    internal async Task TellAsync(HttpClient client, Uri webhook, params (string Type, string ObjectId)[] told)
    {
        using var notice = hubspot.Webhook(webhook, told);
        using var answer = await client.SendAsync(notice);
        answer.EnsureSuccessStatusCode();
    }
}
