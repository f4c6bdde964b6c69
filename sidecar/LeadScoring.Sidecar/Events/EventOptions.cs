using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Events;

/// <summary>How much may come in at once. Section <c>LeadScoring:Events</c>.</summary>
public sealed class EventOptions
{
    public const string Section = "LeadScoring:Events";

    /// <summary>Bytes of event requests that this process holds at a time, waiting or being stored; more are answered 429. Default 64 MB; from 1 MB to 10 GB.</summary>
    [Range(1_000_000, 10_000_000_000)]
    public long MaxPendingBytes { get; set; } = 64_000_000;

    /// <summary>Leads of one organization that may wait for a new score; while more do, its events are answered 429. Default 200,000; from 1 to 100 million.</summary>
    [Range(1, 100_000_000)]
    public int MaxQueuedLeads { get; set; } = 200_000;
}
