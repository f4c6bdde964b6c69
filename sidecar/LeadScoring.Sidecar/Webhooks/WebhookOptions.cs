using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>How events are delivered. Section <c>LeadScoring:Webhooks</c>.</summary>
public sealed class WebhookOptions
{
    public const string Section = "LeadScoring:Webhooks";

    /// <summary>Hosts in a private network that webhooks may go to, separated by commas, such as <c>n8n,localhost</c>. Default none: an URL must not reach what only this machine can.</summary>
    public string AllowedPrivateHosts { get; set; } = "";

    /// <summary>Whether this process sends. Default true.</summary>
    public bool DeliverHere { get; set; } = true;

    /// <summary>Longest wait for an answer. Default 10 s; from 100 ms to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Requests under way to one webhook at a time, from this process. Default 8; from 1 to 100.</summary>
    [Range(1, 100)]
    public int ParallelPerWebhook { get; set; } = 8;

    /// <summary>Tries before an event is set aside as dead. Default 12, about 22 hours; from 1 to 50.</summary>
    [Range(1, 50)]
    public int Attempts { get; set; } = 12;

    /// <summary>Wait after the first failure; each further one is 2.5 times as long, give or take a fifth. Default 5 s; from 10 ms to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "01:00:00")]
    public TimeSpan FirstRetry { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long delivered events can be looked at. Default 7 days; from 0 to a year.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "366.00:00:00")]
    public TimeSpan KeepDelivered { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How long dead events can be replayed. Default 30 days; from 1 h to a year.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "366.00:00:00")]
    public TimeSpan KeepDead { get; set; } = TimeSpan.FromDays(30);

    internal HashSet<string> PrivateHosts => AllowedPrivateHosts.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToHashSet(StringComparer.OrdinalIgnoreCase);
}
