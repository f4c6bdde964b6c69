namespace LeadScoring.Sidecar.Api;

/// <summary>
/// What a key may do, each including the ones before it: a workflow that may write leads may read their scores,
/// and whoever manages keys and profiles could give himself the rest anyway.
/// </summary>
public enum ApiScope
{
    /// <summary>Read leads and score them.</summary>
    Score,

    /// <summary>Also store leads, events and outcomes.</summary>
    Write,

    /// <summary>Also manage keys, profiles, training and models.</summary>
    Admin,
}

/// <summary>Who is calling, as proved by the API key.</summary>
internal sealed record Caller(string OrganizationId, string KeyId, ApiScope Scope)
{
    private static readonly AsyncLocal<Caller?> OfRequest = new();

    /// <summary>Whose request is being answered, also where no parameter says so; null for what no request asked for.</summary>
    internal static Caller? Current => OfRequest.Value;

    /// <summary>What is left of the requests that the key may make; null where nobody counts.</summary>
    internal RateAllowance? Allowance { get; init; }

    /// <summary>From here to the end of the request.</summary>
    internal void Enter(HttpContext http)
    {
        OfRequest.Value = this;
        http.Features.Set(this);
    }

    /// <summary>Handlers take a Caller as a parameter; the authentication middleware has put it there.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext http) => new(Of(http));

    /// <summary>The same for handlers that are called so often that binding would count.</summary>
    internal static Caller Of(HttpContext http) =>
        http.Features.Get<Caller>() ?? throw new InvalidOperationException("The route declares no scope, so nobody was authenticated.");

    /// <exception cref="ProblemException">The request names another organization than the key's.</exception>
    internal void Demand(string? organizationId)
    {
        if (organizationId is not null && organizationId != OrganizationId)
            throw new ProblemException(ProblemKind.OrganizationMismatch, "organization_id differs from the organization of the API key. Use that organization's key, or leave organization_id out.");
    }
}

/// <summary>Tells who owns a presented key; null when it is unknown or revoked. Given by the slice that owns the keys.</summary>
/// <exception cref="ProblemException">The key was good and has expired, or so many wrong ones came from this address that no further one is looked at.</exception>
internal delegate ValueTask<Caller?> VerifyApiKey(string presented, HttpContext http, CancellationToken cancellationToken);

/// <summary>Endpoint metadata: the scope that a route needs.</summary>
internal sealed record RequiredScope(ApiScope Scope);

/// <summary>Endpoint metadata: no key, as whoever calls proves by a signature who it is; the route checks it itself.</summary>
internal sealed record SignedByVendor;

internal static class RequiredScopeExtensions
{
    internal static TBuilder RequireScope<TBuilder>(this TBuilder builder, ApiScope scope) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new RequiredScope(scope));
}
