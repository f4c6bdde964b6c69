namespace LeadScoring.Connectors;

/// <summary>What a field holds.</summary>
public enum FieldKind
{
    /// <summary>A number.</summary>
    Number,

    /// <summary>Text of up to a few hundred characters.</summary>
    Text,

    /// <summary>One of a list.</summary>
    Choice,

    /// <summary>A moment, ISO 8601 UTC in a write.</summary>
    Moment,
}

/// <summary>A field of ours at the vendor.</summary>
/// <param name="Name">Lower snake case, with our prefix.</param>
/// <param name="Label">For people.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Options">Values of a choice.</param>
public sealed record FieldDefinition(string Name, string Label, FieldKind Kind, IReadOnlyList<string>? Options = null);

/// <summary>How fields were found.</summary>
/// <param name="Ready">Fields that are ours and there now.</param>
/// <param name="Created">Those of them that were made just now.</param>
/// <param name="Foreign">Fields of the name that somebody else made: never written to.</param>
/// <param name="Missing">Fields that are not there and could not be made; the check says what to do.</param>
public sealed record FieldReport(IReadOnlyList<string> Ready, IReadOnlyList<string> Created, IReadOnlyList<string> Foreign, IReadOnlyList<string> Missing);

/// <summary>Fields of one record to be written.</summary>
/// <param name="RecordId">The vendor's id of the contact.</param>
/// <param name="Values">Name of the field and value: numbers with a dot, moments in ISO 8601 UTC.</param>
public sealed record RecordWrite(string RecordId, IReadOnlyDictionary<string, string> Values);

/// <summary>What became of a write.</summary>
public enum WriteStatus
{
    /// <summary>Stored.</summary>
    Written,

    /// <summary>There is no such record any more.</summary>
    Gone,

    /// <summary>Refused for a reason that trying again does not change.</summary>
    Rejected,

    /// <summary>Not stored now; may be later.</summary>
    TryAgain,
}

/// <summary>What became of one record of a write.</summary>
/// <param name="RecordId">The record.</param>
/// <param name="Status">What became of it.</param>
/// <param name="Reason">The vendor's code for it, such as VALIDATION_ERROR; never a value. Null when written.</param>
public sealed record WriteResult(string RecordId, WriteStatus Status, string? Reason = null);
