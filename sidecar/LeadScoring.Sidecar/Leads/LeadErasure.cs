using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Whom an erasure is of.</summary>
/// <param name="LeadIds">All leads that are the person: those it was merged with too.</param>
/// <param name="Traces">All that tells who it is: ids of leads, records of connectors, hashes of addresses.</param>
internal sealed record ErasedPerson(string OrganizationId, IReadOnlyList<string> LeadIds, IReadOnlyCollection<Trace> Traces)
{
    /// <summary>Records of accounts of connectors.</summary>
    internal IEnumerable<(string Connector, string RecordId)> Records => Traces.Where(t => t.IsRecord).Select(t => (t.Text[..t.Text.IndexOf('\n')], t.Text[(t.Text.IndexOf('\n') + 1)..]));
}

/// <summary>
/// What another slice keeps about a lead, and how it is erased with it: a delete with the parameters @organizationId and @leadId, or something that one statement cannot say.
/// Register one per table as a singleton; <see cref="EraseLead"/> runs all of them in one transaction, before the leads themselves go.
/// </summary>
internal sealed record LeadErasure(string Table)
{
    internal string Sql { get; init; } = $"delete from {Table} where organization_id = @organizationId and lead_id = @leadId";

    /// <summary>Instead of <see cref="Sql"/>; the number of rows that it was.</summary>
    internal Func<WriteTransaction, ErasedPerson, CancellationToken, Task<int>>? Run { get; init; }

    internal async Task<int> RunAsync(WriteTransaction transaction, ErasedPerson person, CancellationToken cancellationToken)
    {
        if (Run is not null) return await Run(transaction, person, cancellationToken);
        var rows = 0;
        foreach (var leadId in person.LeadIds) rows += await transaction.ExecuteAsync(Sql, new { organizationId = person.OrganizationId, leadId }, cancellationToken);
        return rows;
    }
}

/// <summary>What another slice knows of who a lead is: other leads that are the same person, and traces. Given by the slice that keeps it.</summary>
internal delegate Task<(IReadOnlyList<string> LeadIds, IReadOnlyList<Trace> Traces)> FindTraces(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken);

/// <summary>Drops copies of leads in memory that the predicate says are of somebody erased; called with the organization whose leads they are. Given by whoever keeps such copies.</summary>
internal delegate void ForgetLeads(string organizationId, Func<string, bool> isErased);

/// <summary>Erases a person on behalf of somebody; false when nothing of the lead was here. Given by the slice that does it.</summary>
/// <param name="by">Who asked, such as the id of a key.</param>
/// <param name="also">Traces that are known besides those that are found.</param>
internal delegate Task<bool> EraseLead(string organizationId, string leadId, string by, IReadOnlyCollection<Trace> also, CancellationToken cancellationToken);
