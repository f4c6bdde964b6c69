namespace LeadScoring.Connectors.Http;

/// <summary>What authorizes requests.</summary>
public interface IAccessTokens
{
    /// <summary>A token that is good now.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    ValueTask<string> GetAsync(CancellationToken cancellationToken);

    /// <summary>The vendor refused this token: whether there is another one to try.</summary>
    /// <param name="refused">The token as it was sent.</param>
    /// <param name="cancellationToken">Cancels.</param>
    ValueTask<bool> RenewAsync(string refused, CancellationToken cancellationToken);
}

/// <summary>A key that does not change.</summary>
/// <param name="token">The key.</param>
public sealed class StaticToken(string token) : IAccessTokens
{
    /// <inheritdoc/>
    public ValueTask<string> GetAsync(CancellationToken cancellationToken) => new(token);

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(string refused, CancellationToken cancellationToken) => new(false);
}

/// <summary>Tokens of an OAuth2 grant as they are kept.</summary>
/// <param name="AccessToken">What requests carry.</param>
/// <param name="ExpiresAt">From when on it is refused.</param>
/// <param name="RefreshToken">What gets the next one; vendors may rotate it.</param>
/// <param name="BaseUrl">Address that the vendor assigned to the account with the token; null where it does not.</param>
public sealed record StoredToken(string AccessToken, DateTimeOffset ExpiresAt, string RefreshToken, Uri? BaseUrl = null);

/// <summary>Where rotated tokens are kept between processes. The host encrypts them.</summary>
public interface ITokenStore
{
    /// <summary>What was kept last; null: nothing.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    Task<StoredToken?> LoadAsync(CancellationToken cancellationToken);

    /// <summary>Keeps it; when this returns, it outlives the process.</summary>
    /// <param name="token">What to keep.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task SaveAsync(StoredToken token, CancellationToken cancellationToken);
}
