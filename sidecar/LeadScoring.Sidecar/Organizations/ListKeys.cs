using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class ListKeys
{
    /// <param name="PreviousSecretUntil">Until when the secret before the last rotation is good; absent when there is none.</param>
    /// <param name="LastUsedAt">To about a minute; absent when it never was.</param>
    public sealed record Item(string KeyId, string Name, string Scope, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? PreviousSecretUntil, DateTimeOffset? LastUsedAt);

    public sealed record Response(IReadOnlyList<Item> Keys);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, ApiKeyStore keys, TimeProvider time, CancellationToken cancellationToken)
    {
        var rows = await keys.ListAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(new Response([.. rows.Select(r => new Item(r.KeyId, r.Name, r.Scope, Moment.Of(r.CreatedAtMs), Moment.Of(r.RevokedAtMs), Moment.Of(r.ExpiresAtMs), r.PreviousUntilMs > time.NowMs() ? Moment.Of(r.PreviousUntilMs) : null, Moment.Of(r.LastUsedAtMs)))]));
    }
}
