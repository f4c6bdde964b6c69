using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors;

/// <summary>
/// One account of one vendor: what the sync reads from it and writes to it. A vendor is one implementation of this in its own folder and one line in <see cref="ConnectorCatalog"/>.
/// </summary>
/// <remarks>
/// A page is read with a cursor and ends with the next one. The caller stores page and cursor together and asks again from what is stored, so a page may be asked for twice,
/// after a crash or by design (windows overlap): records are told apart by their ids, and the same record twice is the same record.
/// All members throw <see cref="ConnectorException"/> and nothing else when the vendor does not do what it should. Nothing of a record ever goes into a message or a log.
/// </remarks>
public interface IConnector : IDisposable
{
    /// <summary>Name of the account in the settings: lower case, such as <c>hubspot</c>.</summary>
    string Name { get; }

    /// <summary>What this vendor can do; what it cannot is never called.</summary>
    ConnectorAbilities Abilities { get; }

    /// <summary>Rate and daily budget of the account; one for all that goes through this connector.</summary>
    RequestBudget Budget { get; }

    /// <summary>Contacts and leads that changed since the cursor, deleted and merged ones included.</summary>
    /// <param name="cursor">Null to begin with the whole account; else the <see cref="Page{T}.Cursor"/> of the page before.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken);

    /// <summary>The contacts with these ids as they are now, for webhooks that only say that something changed. An id that is missing in the answer does not exist any more.</summary>
    /// <param name="ids">At most <see cref="ConnectorAbilities.ReadBatch"/> ids.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>What people did: opens, clicks, visits, forms. Cursor as in <see cref="ReadContactsAsync"/>.</summary>
    /// <param name="cursor">Null to begin with.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken);

    /// <summary>Deals, opportunities and conversions that changed. Cursor as in <see cref="ReadContactsAsync"/>.</summary>
    /// <param name="cursor">Null to begin with.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken);

    /// <summary>The deals with these ids as they are now; as <see cref="FetchContactsAsync"/>.</summary>
    /// <param name="ids">At most <see cref="ConnectorAbilities.ReadBatch"/> ids.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>Makes the fields that are missing. A field of the same name that somebody else made is left alone and named in the report: it must not be written to.</summary>
    /// <param name="fields">Fields to be there.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken);

    /// <summary>Writes fields of records, with a result for each. Writing the same twice does no harm.</summary>
    /// <param name="writes">At most <see cref="ConnectorAbilities.WriteBatch"/> records, each once.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken);

    /// <summary>Whether a request that came in is the vendor's, and what it tells. Fails closed: whatever is missing, odd, late or wrong is a refusal. No I/O.</summary>
    /// <param name="request">The request as received.</param>
    InboundResult ReadInbound(InboundRequest request);

    /// <summary>Tries credentials, permissions and fields, and says what is missing and what to do.</summary>
    /// <param name="fields">Fields that write-back needs; none are made.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken);
}

/// <summary>What a vendor can do.</summary>
/// <param name="Contacts">Reads contacts.</param>
/// <param name="Activity">Reads activity by asking for it; one that comes by webhook alone says false.</param>
/// <param name="Deals">Reads deals.</param>
/// <param name="WriteBack">Writes fields of contacts.</param>
/// <param name="Inbound">Takes webhooks.</param>
/// <param name="ReadBatch">Most ids of one fetch; 1 to 1,000.</param>
/// <param name="WriteBatch">Most records of one write; 1 to 1,000.</param>
public sealed record ConnectorAbilities(bool Contacts, bool Activity, bool Deals, bool WriteBack, bool Inbound, int ReadBatch = 100, int WriteBatch = 100);

/// <summary>One page of a walk.</summary>
/// <param name="Items">Records, in no particular order; may be empty though there is more.</param>
/// <param name="Cursor">Where the next page begins; opaque to all but the vendor's own folder.</param>
/// <param name="HasMore">Whether the next page is there already; false: the walk has caught up, ask again later from the cursor.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string Cursor, bool HasMore);

/// <summary>What is used of an account's allowance.</summary>
/// <param name="UsedToday">Requests since midnight UTC by this process and those it was told of.</param>
/// <param name="DailyLimit">Most requests a day; null: none is known.</param>
/// <param name="Reserve">Requests of the daily limit that are kept for write-back and checks.</param>
/// <param name="PausedUntil">The vendor asked to be left alone until then; null: it did not.</param>
public sealed record BudgetStatus(long UsedToday, long? DailyLimit, long Reserve, DateTimeOffset? PausedUntil)
{
    /// <summary>Requests that are left today; null when no limit is known.</summary>
    public long? LeftToday => DailyLimit is { } limit ? Math.Max(0, limit - UsedToday) : null;
}
