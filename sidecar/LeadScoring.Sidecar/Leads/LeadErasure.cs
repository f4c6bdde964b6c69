namespace LeadScoring.Sidecar.Leads;

/// <summary>
/// What another slice keeps about a lead, and how it is erased with it: a delete with the parameters @organizationId and @leadId.
/// Register one per table as a singleton; <see cref="DeleteLead"/> runs all of them in one transaction.
/// </summary>
internal sealed record LeadErasure(string Table)
{
    internal string Sql { get; init; } = $"delete from {Table} where organization_id = @organizationId and lead_id = @leadId";
}
