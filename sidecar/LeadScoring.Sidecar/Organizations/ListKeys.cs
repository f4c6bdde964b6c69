using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class ListKeys
{
    public sealed record Item(string KeyId, string Name, string Scope, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt);

    public sealed record Response(IReadOnlyList<Item> Keys);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, ApiKeyStore keys, CancellationToken cancellationToken)
    {
        var rows = await keys.ListAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(new Response([.. rows.Select(r => new Item(r.KeyId, r.Name, r.Scope, Moment.Of(r.CreatedAtMs), Moment.Of(r.RevokedAtMs)))]));
    }
}
