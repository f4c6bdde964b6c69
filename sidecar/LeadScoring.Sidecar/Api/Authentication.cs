using LeadScoring.Sidecar.Audit;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Api;

/// <summary>API keys: <c>Authorization: Bearer lsk_...</c> or <c>X-API-Key: lsk_...</c>. Runs for every route that declares a scope.</summary>
internal sealed class Authentication(RequestDelegate next, VerifyApiKey verify, AddressLimits addresses, RefusedAccess refused, TimeProvider time, IOptions<ApiOptions> options)
{
    internal const string Prefix = "/v1";

    private readonly long requestsPerSecond = options.Value.RequestsPerSecond;

    public Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<RequiredScope>() is not { } required) return GoOnOpenAsync(http);
        if (Presented(http.Request) is not { } presented)
        {
            addresses.Count(http);
            throw new ProblemException(ProblemKind.Unauthorized, "Send Authorization: Bearer <key> or X-API-Key: <key>. Make a key with: keys create --organization <name> --scopes write.");
        }

        var verified = verify(presented, http, http.RequestAborted);
        // A key that was seen of late is known at once.
        return verified.IsCompletedSuccessfully ? GoOnAsync(http, required, verified.Result) : WaitAsync(http, required, verified);
    }

    private Task GoOnOpenAsync(HttpContext http)
    {
        addresses.Count(http);
        // A data route that forgot its scope stays shut. Routing's own 405 and 415 endpoints are no RouteEndpoints.
        if (http.GetEndpoint() is RouteEndpoint endpoint && endpoint.Metadata.GetMetadata<SignedByVendor>() is null && http.Request.Path.StartsWithSegments(Prefix))
            throw new ProblemException(ProblemKind.Forbidden, "This route declares no scope.");
        return next(http);
    }

    private async Task WaitAsync(HttpContext http, RequiredScope required, ValueTask<Caller?> verified) => await GoOnAsync(http, required, await verified);

    private Task GoOnAsync(HttpContext http, RequiredScope required, Caller? verified)
    {
        var caller = verified ?? throw new ProblemException(ProblemKind.Unauthorized, "This API key is unknown or was revoked.");
        if (caller.Allowance is { } allowance && allowance.Take(time.GetTimestamp(), requestsPerSecond, time.TimestampFrequency) is > 0 and var wait)
            throw AddressLimits.TooMany(wait, time.TimestampFrequency, "This key asks for more than LEADSCORING__API__REQUESTSPERSECOND. Send batches, or come again after Retry-After seconds.");
        if (caller.Scope < required.Scope)
        {
            refused.Tell(caller.OrganizationId, caller.KeyId, "scope");
            throw new ProblemException(ProblemKind.Forbidden, $"This needs a key with scope {Name(required.Scope)}; this one has {Name(caller.Scope)}. Make one with: keys create --scopes {Name(required.Scope)}.");
        }

        if (http.Request.QueryString.HasValue && http.Request.Query.TryGetValue("organization_id", out var organization)) caller.Demand(organization);
        caller.Enter(http);
        return next(http);
    }

    private static string? Presented(HttpRequest request)
    {
        if (request.Headers.TryGetValue("X-API-Key", out var key) && key.Count == 1) return key[0]?.Trim();
        var authorization = request.Headers.Authorization;
        return authorization.Count == 1 && authorization[0] is { } value && value.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? value["Bearer ".Length..].Trim()
            : null;
    }

    private static string Name(ApiScope scope) => scope switch { ApiScope.Score => "score", ApiScope.Write => "write", _ => "admin" };
}
