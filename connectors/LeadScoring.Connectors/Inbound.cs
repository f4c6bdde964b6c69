namespace LeadScoring.Connectors;

/// <summary>A request that came in at the webhook's address, as received.</summary>
/// <param name="Method">Such as POST.</param>
/// <param name="Uri">The address as the vendor knows it: with a proxy in front, the public one.</param>
/// <param name="Headers">Name, in any case, to value; null when there is none, or more than one.</param>
/// <param name="Body">The raw body.</param>
public sealed record InboundRequest(string Method, Uri Uri, Func<string, string?> Headers, ReadOnlyMemory<byte> Body);

/// <summary>What a webhook tells.</summary>
public enum InboundKind
{
    /// <summary>A contact is new or changed: fetch it.</summary>
    ContactChanged,

    /// <summary>A contact was deleted.</summary>
    ContactDeleted,

    /// <summary>A contact must be forgotten: the person asked for it.</summary>
    ContactErased,

    /// <summary>A deal is new, changed or deleted: fetch it.</summary>
    DealChanged,

    /// <summary>Something a person did; told in full.</summary>
    Activity,
}

/// <summary>One thing that a webhook tells.</summary>
/// <param name="EventId">The same id is the same notice, however often it comes.</param>
/// <param name="Kind">What.</param>
/// <param name="RecordId">Contact or deal; of an activity the contact, or empty when only its address is known.</param>
/// <param name="Activity">Of kind <see cref="InboundKind.Activity"/>; else null.</param>
public sealed record InboundChange(string EventId, InboundKind Kind, string RecordId, ActivityRecord? Activity = null);

/// <summary>An answer that the vendor insists on: without it, it sends the same again.</summary>
/// <param name="ContentType">Its content type.</param>
/// <param name="Body">Its body.</param>
public sealed record InboundAnswer(string ContentType, string Body);

/// <summary>A request that was looked at.</summary>
/// <param name="Refusal">Why it is not believed, for the log: never a value of it. Null: it is the vendor's.</param>
/// <param name="Changes">What it tells; of our own writes nothing.</param>
public sealed record InboundResult(string? Refusal, IReadOnlyList<InboundChange> Changes)
{
    /// <summary>What the vendor wants to hear; null: any answer of success will do.</summary>
    public InboundAnswer? Answer { get; init; }

    /// <summary>It is not believed.</summary>
    /// <param name="why">Why.</param>
    public static InboundResult Refused(string why) => new(why, []);
}
