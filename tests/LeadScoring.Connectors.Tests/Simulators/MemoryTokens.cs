using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Tests.Simulators;

/// <summary>A token store that outlives connectors, as the database does processes.</summary>
internal sealed class MemoryTokens : ITokenStore
{
    internal StoredToken? Stored { get; private set; }

    public Task<StoredToken?> LoadAsync(CancellationToken cancellationToken) => Task.FromResult(Stored);

    public Task SaveAsync(StoredToken token, CancellationToken cancellationToken)
    {
        Stored = token;
        return Task.CompletedTask;
    }
}
