using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class CreateKey
{
    internal const int MostDays = 3_650;

    /// <param name="Name">What the key is for, such as "n8n".</param>
    /// <param name="Scope">score, write or admin.</param>
    /// <param name="OrganizationId">Must be the caller's own when given.</param>
    /// <param name="ExpiresInDays">1 to 3,650; absent: it does not expire by itself.</param>
    /// <param name="ExpiresAt">The same as a moment.</param>
    public sealed record Request(
        [property: Required, StringLength(100, MinimumLength = 1)] string? Name, [property: Required] ApiScope? Scope, string? OrganizationId = null,
        [property: Range(1, MostDays), Description("After how many days it is refused, 1 to 3,650. Absent: it does not expire by itself.")] int? ExpiresInDays = null,
        [property: Description("The same as a moment; one of the two.")] DateTimeOffset? ExpiresAt = null);

    /// <param name="Key">The whole key. It is shown this once and cannot be read again.</param>
    public sealed record Response(string KeyId, string Name, ApiScope Scope, string Key, DateTimeOffset? ExpiresAt = null);

    internal static async Task<Created<Response>> HandleAsync(Request request, Caller caller, ApiKeyStore keys, TimeProvider time, CancellationToken cancellationToken)
    {
        caller.Demand(request.OrganizationId);
        var expiresAtMs = ExpiryMs(request.ExpiresInDays, request.ExpiresAt, time);
        var key = await keys.CreateAsync(caller.OrganizationId, request.Name!, request.Scope!.Value, cancellationToken, expiresAtMs);
        return TypedResults.Created($"/v1/keys/{key.KeyId}", new Response(key.KeyId, request.Name!, request.Scope.Value, key.Reveal(), Moment.Of(expiresAtMs)));
    }

    /// <exception cref="ProblemException">Both are given, or the moment is not in the future, or too far in it.</exception>
    internal static long? ExpiryMs(int? days, DateTimeOffset? at, TimeProvider time)
    {
        if (days is not null && at is not null) throw ProblemException.Invalid("/expires_at", "Give expires_in_days or expires_at, not both.");
        var now = time.GetUtcNow();
        if (at is { } moment && (moment <= now || moment > now.AddDays(MostDays))) throw ProblemException.Invalid("/expires_at", $"expires_at must be in the future, within {MostDays:N0} days.");
        return (at ?? (days is { } d ? now.AddDays(d) : null))?.ToUnixTimeMilliseconds();
    }
}
