using System.ComponentModel.DataAnnotations;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class CreateKey
{
    /// <param name="Name">What the key is for, such as "n8n".</param>
    /// <param name="Scope">score, write or admin.</param>
    /// <param name="OrganizationId">Must be the caller's own when given.</param>
    public sealed record Request([property: Required, StringLength(100, MinimumLength = 1)] string? Name, [property: Required] ApiScope? Scope, string? OrganizationId = null);

    /// <param name="Key">The whole key. It is shown this once and cannot be read again.</param>
    public sealed record Response(string KeyId, string Name, ApiScope Scope, string Key);

    internal static async Task<Created<Response>> HandleAsync(Request request, Caller caller, ApiKeyStore keys, CancellationToken cancellationToken)
    {
        caller.Demand(request.OrganizationId);
        var key = await keys.CreateAsync(caller.OrganizationId, request.Name!, request.Scope!.Value, cancellationToken);
        return TypedResults.Created($"/v1/keys/{key.KeyId}", new Response(key.KeyId, request.Name!, request.Scope.Value, key.Reveal()));
    }
}
