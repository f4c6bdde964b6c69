using System.ComponentModel;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class RotateKey
{
    internal const int MaxOverlapHours = 720;

    /// <param name="Key">The whole key with its new secret, shown this once.</param>
    /// <param name="PreviousUntil">Until then the secret before is good, too.</param>
    public sealed record Response(string KeyId, string Key, DateTimeOffset PreviousUntil);

    internal static async Task<Ok<Response>> HandleAsync(
        string keyId, Caller caller, ApiKeyStore keys, TimeProvider time, CancellationToken cancellationToken,
        [Description("How long the secret before stays good: 0 to 720.")] int overlap_hours = 24,
        [Description("A new end of the key, in days from now: 1 to 3,650. Absent: its end stays.")] int? expires_in_days = null)
    {
        if (overlap_hours is < 0 or > MaxOverlapHours) throw ProblemException.Invalid("?overlap_hours", $"0 to {MaxOverlapHours}.");
        if (expires_in_days is < 1 or > CreateKey.MostDays) throw ProblemException.Invalid("?expires_in_days", $"1 to {CreateKey.MostDays:N0}.");
        var rotated = await keys.RotateAsync(caller.OrganizationId, keyId, TimeSpan.FromHours(overlap_hours), CreateKey.ExpiryMs(expires_in_days, null, time), cancellationToken)
            ?? throw RevokeKey.Unknown();
        return TypedResults.Ok(new Response(keyId, rotated.Key.Reveal(), Moment.Of(rotated.PreviousUntilMs)));
    }
}
