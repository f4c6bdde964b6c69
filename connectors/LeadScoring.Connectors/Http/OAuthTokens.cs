namespace LeadScoring.Connectors.Http;

/// <summary>Asks the vendor for the next token.</summary>
/// <param name="refreshToken">The current refresh token.</param>
/// <param name="cancellationToken">Cancels.</param>
/// <returns>The new tokens; the refresh token is the old one where the vendor does not rotate it.</returns>
/// <exception cref="ConnectorException">It refused.</exception>
public delegate Task<StoredToken> RefreshGrant(string refreshToken, CancellationToken cancellationToken);

/// <summary>OAuth2 tokens that are renewed before they end: one request for all who wait, and kept before they are used, as a rotated refresh token is good once.</summary>
/// <param name="first">Refresh token of the settings, for the first time.</param>
/// <param name="refresh">Asks the vendor.</param>
/// <param name="store">Keeps what came.</param>
/// <param name="time">The clock.</param>
public sealed class OAuthTokens(string first, RefreshGrant refresh, ITokenStore store, TimeProvider time) : IAccessTokens, IDisposable
{
    // A request that is under way when the token ends would fail.
    private static readonly TimeSpan Early = TimeSpan.FromMinutes(2);

    private readonly SemaphoreSlim renewing = new(1, 1);
    private volatile StoredToken? current;

    /// <summary>Address that the vendor assigned with the latest token; null where it does not.</summary>
    public Uri? BaseUrl => current?.BaseUrl;

    /// <inheritdoc/>
    public async ValueTask<string> GetAsync(CancellationToken cancellationToken)
    {
        if (current is { } token && IsGood(token)) return token.AccessToken;
        return (await RenewUnlessAsync(IsGood, cancellationToken)).AccessToken;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewAsync(string refused, CancellationToken cancellationToken)
    {
        // Whoever was refused first has renewed it for the others.
        var token = await RenewUnlessAsync(t => t.AccessToken != refused && IsGood(t), cancellationToken);
        return token.AccessToken != refused;
    }

    private bool IsGood(StoredToken token) => token.ExpiresAt - Early > time.GetUtcNow();

    private async Task<StoredToken> RenewUnlessAsync(Func<StoredToken, bool> isGood, CancellationToken cancellationToken)
    {
        await renewing.WaitAsync(cancellationToken);
        try
        {
            if (current is { } mine && isGood(mine)) return mine;
            // Another process may have renewed it, and with that ended our refresh token.
            var stored = await store.LoadAsync(cancellationToken);
            if (stored is not null && isGood(stored)) return current = stored;
            var token = await refresh(stored?.RefreshToken ?? first, cancellationToken);
            // Not to be cancelled: the old refresh token may be dead already.
            await store.SaveAsync(token, CancellationToken.None);
            return current = token;
        }
        finally
        {
            renewing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => renewing.Dispose();
}
