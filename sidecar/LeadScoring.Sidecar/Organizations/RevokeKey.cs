using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class RevokeKey
{
    internal static async Task<NoContent> HandleAsync(string keyId, Caller caller, ApiKeyStore keys, CancellationToken cancellationToken) =>
        await keys.RevokeAsync(caller.OrganizationId, keyId, cancellationToken) ? TypedResults.NoContent() : throw Unknown();

    internal static ProblemException Unknown() => new(ProblemKind.NotFound, "The organization has no such key, or it was revoked or has expired before.");
}
