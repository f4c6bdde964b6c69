namespace LeadScoring.Sidecar.Api;

/// <summary>API keys: <c>Authorization: Bearer lsk_...</c> or <c>X-API-Key: lsk_...</c>. Runs for every route that declares a scope.</summary>
internal sealed class Authentication(RequestDelegate next, VerifyApiKey verify)
{
    internal const string Prefix = "/v1";

    public async Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint() is not { } endpoint)
        {
            await next(http);
            return;
        }

        var required = endpoint.Metadata.GetMetadata<RequiredScope>();
        if (required is not null)
        {
            var caller = await AuthenticateAsync(http);
            if (caller.Scope < required.Scope)
                throw new ProblemException(ProblemKind.Forbidden, $"This needs a key with scope {Name(required.Scope)}; this one has {Name(caller.Scope)}. Make one with: keys create --scopes {Name(required.Scope)}.");
            if (http.Request.Query.TryGetValue("organization_id", out var organization)) caller.Demand(organization);
            http.Features.Set(caller);
        }
        else if (endpoint is RouteEndpoint && http.Request.Path.StartsWithSegments(Prefix))
        {
            // A data route that forgot its scope stays shut. Routing's own 405 and 415 endpoints are no RouteEndpoints.
            throw new ProblemException(ProblemKind.Forbidden, "This route declares no scope.");
        }

        await next(http);
    }

    private async ValueTask<Caller> AuthenticateAsync(HttpContext http)
    {
        var presented = Presented(http.Request)
            ?? throw new ProblemException(ProblemKind.Unauthorized, "Send Authorization: Bearer <key> or X-API-Key: <key>. Make a key with: keys create --organization <name> --scopes write.");
        return await verify(presented, http.RequestAborted)
            ?? throw new ProblemException(ProblemKind.Unauthorized, "This API key is unknown or was revoked.");
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
