namespace LeadScoring.Sidecar.Api;

/// <summary>API keys: <c>Authorization: Bearer lsk_...</c> or <c>X-API-Key: lsk_...</c>. Runs for every route that declares a scope.</summary>
internal sealed class Authentication(RequestDelegate next, VerifyApiKey verify)
{
    internal const string Prefix = "/v1";

    public Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint() is not { } endpoint) return next(http);
        if (endpoint.Metadata.GetMetadata<RequiredScope>() is { } required)
        {
            var presented = Presented(http.Request)
                ?? throw new ProblemException(ProblemKind.Unauthorized, "Send Authorization: Bearer <key> or X-API-Key: <key>. Make a key with: keys create --organization <name> --scopes write.");
            var verified = verify(presented, http.RequestAborted);
            // A key that was seen of late is known at once.
            return verified.IsCompletedSuccessfully ? GoOnAsync(http, required, verified.Result) : WaitAsync(http, required, verified);
        }

        if (endpoint.Metadata.GetMetadata<SignedByVendor>() is not null) return next(http);
        // A data route that forgot its scope stays shut. Routing's own 405 and 415 endpoints are no RouteEndpoints.
        if (endpoint is RouteEndpoint && http.Request.Path.StartsWithSegments(Prefix)) throw new ProblemException(ProblemKind.Forbidden, "This route declares no scope.");
        return next(http);
    }

    private async Task WaitAsync(HttpContext http, RequiredScope required, ValueTask<Caller?> verified) => await GoOnAsync(http, required, await verified);

    private Task GoOnAsync(HttpContext http, RequiredScope required, Caller? verified)
    {
        var caller = verified ?? throw new ProblemException(ProblemKind.Unauthorized, "This API key is unknown or was revoked.");
        if (caller.Scope < required.Scope)
            throw new ProblemException(ProblemKind.Forbidden, $"This needs a key with scope {Name(required.Scope)}; this one has {Name(caller.Scope)}. Make one with: keys create --scopes {Name(required.Scope)}.");
        if (http.Request.QueryString.HasValue && http.Request.Query.TryGetValue("organization_id", out var organization)) caller.Demand(organization);
        http.Features.Set(caller);
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
