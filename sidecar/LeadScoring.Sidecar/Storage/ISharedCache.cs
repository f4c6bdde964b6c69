namespace LeadScoring.Sidecar.Storage;

/// <summary>What replicas share to spare each other work. Never fails, never keeps anybody waiting for more than a few milliseconds, and may forget everything at any time.</summary>
internal interface ISharedCache
{
    /// <summary>What is stored under the key; null when there is nothing, or no telling.</summary>
    ValueTask<byte[]?> GetAsync(string key);

    /// <summary>Stores, or does not; nobody waits for it.</summary>
    void Set(string key, byte[] value, TimeSpan timeToLive);

    /// <summary>Removes all whose key starts with the prefix; waits for it, for some seconds at most.</summary>
    /// <returns>False when it could not be done, or nobody knows.</returns>
    Task<bool> RemoveAsync(string prefix, CancellationToken cancellationToken);
}

/// <summary>One process alone: what it remembers itself is all.</summary>
internal sealed class NoSharedCache : ISharedCache
{
    public ValueTask<byte[]?> GetAsync(string key) => default;

    public void Set(string key, byte[] value, TimeSpan timeToLive)
    {
    }

    public Task<bool> RemoveAsync(string prefix, CancellationToken cancellationToken) => Task.FromResult(true);
}
