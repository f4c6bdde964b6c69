using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Audit;

internal static class VerifyAudit
{
    internal static async Task<Ok<AuditVerdict>> HandleAsync(Caller caller, VerifyChain verify, CancellationToken cancellationToken) =>
        TypedResults.Ok(await verify.RunAsync(caller.OrganizationId, null, cancellationToken));
}
