namespace LeadScoring.Connectors;

/// <summary>A person as the vendor has them: a contact, lead, profile or member.</summary>
/// <param name="Id">The vendor's id, unique within the account: at most 150 characters.</param>
/// <param name="Email">E-mail address as stored; null when there is none.</param>
/// <param name="Properties">Names and values, values as text with a dot as decimal point and ISO 8601 moments; null: empty at the vendor. Never the fields that we write, nor moments of the vendor's own bookkeeping: they would make a change of every write.</param>
/// <param name="CreatedAt">When the vendor first had it; null when it does not say.</param>
public sealed record ContactRecord(string Id, string? Email, IReadOnlyDictionary<string, string?> Properties, DateTimeOffset? CreatedAt = null)
{
    /// <summary>Deleted or archived. Properties may be empty then.</summary>
    public bool IsDeleted { get; init; }

    /// <summary>Ids of records that were merged into this one.</summary>
    public IReadOnlyList<string> MergedIds { get; init; } = [];

    /// <summary>Other addresses of the same person.</summary>
    public IReadOnlyList<string> OtherEmails { get; init; } = [];

    /// <summary>What the record itself tells of what its person did; empty where only <see cref="IConnector.ReadActivityAsync"/> tells.</summary>
    public IReadOnlyList<ActivityRecord> Activity { get; init; } = [];
}

/// <summary>Something a person did.</summary>
/// <param name="Id">The same id is the same activity, however often it is told: at most 150 characters.</param>
/// <param name="ContactId">Id of a <see cref="ContactRecord"/>; null when only the address is known.</param>
/// <param name="Email">Address of the person; null when the id is known.</param>
/// <param name="Type">Lower snake case, such as <c>email_opened</c>: the names of the event API.</param>
/// <param name="Source">crm, website, email or phone.</param>
/// <param name="OccurredAt">When.</param>
/// <param name="Properties">Details such as the page; null: none.</param>
public sealed record ActivityRecord(
    string Id, string? ContactId, string? Email, string Type, string Source, DateTimeOffset OccurredAt, IReadOnlyDictionary<string, string>? Properties = null);

/// <summary>Where a deal stands.</summary>
public enum DealState
{
    /// <summary>Not decided, or decided and opened again.</summary>
    Open,

    /// <summary>Won.</summary>
    Won,

    /// <summary>Lost.</summary>
    Lost,

    /// <summary>Deleted: what it said before counts no more.</summary>
    Deleted,
}

/// <summary>A deal or opportunity as it stands now.</summary>
/// <param name="Id">The vendor's id.</param>
/// <param name="State">Where it stands.</param>
/// <param name="ContactIds">Contacts it belongs to.</param>
/// <param name="ClosedAt">When it was won or lost; null while open.</param>
/// <param name="Amount">In the account's own currency; null when it says none.</param>
/// <param name="Stage">Name of the stage, for people.</param>
public sealed record DealRecord(string Id, DealState State, IReadOnlyList<string> ContactIds, DateTimeOffset? ClosedAt, double? Amount, string? Stage);
