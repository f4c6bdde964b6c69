using System.Diagnostics.Metrics;
using System.Text.Json;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Stored scores at hand: in memory, behind that in Redis where there is one, behind that in the ledger.</summary>
/// <remarks>
/// The key names what a score was made of: the lead's revision, what scored and when. New data, a promotion or an anchor makes another key, so nothing is ever
/// deleted and nothing out of date is found. However many ask for a score at once, one reads it.
/// </remarks>
internal sealed class ScoreCache(ScoreStore scores, ISharedCache shared, IOptions<ScoringOptions> options)
{
    private static readonly Counter<long> Found = Instruments.Meter.CreateCounter<long>("leadscoring.score_cache.requests", "{score}", "Stored scores looked for, by where: memory, redis, ledger");
    private static readonly KeyValuePair<string, object?> Memory = new("where", "memory"), Redis = new("where", "redis"), Ledger = new("where", "ledger");

    private readonly BoundedCache<Key, Task<StoredScore?>> memory = new(options.Value.ScoreCacheSize);

    private readonly record struct Key(string OrganizationId, string LeadId, long Revision, long ScoredAtMs, string ScoredWith)
    {
        internal string Text => $"score:{OrganizationId}:{LeadId}:{Revision}:{ScoredAtMs}:{ScoredWith}";
    }

    /// <summary>The score that stands on a lead; null when there is none.</summary>
    internal ValueTask<StoredScore?> GetAsync(string organizationId, StoredLead lead, ActiveModel active, CancellationToken cancellationToken)
    {
        var key = new Key(organizationId, lead.LeadId, lead.Revision, lead.ScoredAtMs ?? 0, active.Fingerprint);
        if (memory.Get(key) is { IsCompletedSuccessfully: true } known)
        {
            Found.Add(1, Memory);
            return new(known);
        }

        return new(memory.GetOrAdd(key, () => LoadAsync(key)).WaitAsync(cancellationToken));
    }

    /// <summary>Drops what is remembered of leads that were erased, their ids too.</summary>
    internal void Forget(string organizationId, Func<string, bool> isErased) => memory.RemoveWhere(key => key.OrganizationId == organizationId && isErased(key.LeadId));

    /// <summary>Drops what Redis has of a lead.</summary>
    /// <returns>False when Redis did not answer: its copies end by themselves, see <see cref="ScoringOptions.ScoreTtl"/>.</returns>
    internal Task<bool> ForgetSharedAsync(string organizationId, string leadId, CancellationToken cancellationToken) => shared.RemoveAsync($"score:{organizationId}:{leadId}:", cancellationToken);

    // Not cancelled when the one who came first hangs up: others wait for the same score.
    private async Task<StoredScore?> LoadAsync(Key key)
    {
        // Not under the lock of the cache.
        await Task.Yield();
        StoredScore? score = null;
        try
        {
            score = Read(await shared.GetAsync(key.Text));
            Found.Add(1, score is null ? Ledger : Redis);
            if (score is not null) return score;
            score = await scores.LatestAsync(key.OrganizationId, key.LeadId, CancellationToken.None);
            if (score is not null) shared.Set(key.Text, JsonSerializer.SerializeToUtf8Bytes(score), options.Value.ScoreTtl);
            return score;
        }
        finally
        {
            // A failure, or no score yet, is not worth remembering.
            if (score is null) memory.Remove(key);
        }
    }

    /// <summary>What another version wrote, or nobody, is as good as nothing.</summary>
    private static StoredScore? Read(byte[]? json)
    {
        if (json is null) return null;
        try
        {
            return JsonSerializer.Deserialize<StoredScore>(json) is { Grade.Length: 1, ScoredBy.Length: > 0 } score ? score : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
