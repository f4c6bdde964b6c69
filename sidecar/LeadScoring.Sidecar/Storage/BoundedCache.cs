using System.Collections.Concurrent;

namespace LeadScoring.Sidecar.Storage;

/// <summary>A cache in memory that never holds more than its limit: what was not used for longest goes, an eighth at a time. A limit of 0 keeps nothing.</summary>
/// <remarks>
/// Which ones went unused for longest is told from a sample, so that making room takes one pass whatever the size; readers neither wait nor write to a shared list.
/// </remarks>
internal sealed class BoundedCache<TKey, TValue>(int limit) where TKey : notnull where TValue : class
{
    private const int SampleSize = 512;

    private readonly ConcurrentDictionary<TKey, Slot> slots = new();
    private readonly Lock writing = new();
    private int count;
    private long clock;

    internal int Count => Volatile.Read(ref count);

    internal TValue? Get(TKey key)
    {
        if (!slots.TryGetValue(key, out var slot)) return null;
        // The order of use to within a few entries: not worth an interlocked step on every read.
        slot.UsedAt = Volatile.Read(ref clock);
        return slot.Value;
    }

    /// <summary>What is there, or what is made now.</summary>
    internal TValue GetOrAdd(TKey key, Func<TValue> make)
    {
        if (Get(key) is { } known) return known;
        lock (writing) return Get(key) ?? Add(key, make());
    }

    internal void Set(TKey key, TValue value)
    {
        lock (writing)
        {
            Drop(key);
            Add(key, value);
        }
    }

    internal void Remove(TKey key)
    {
        // Always under the lock: what is just being added is gone afterwards, too.
        lock (writing) Drop(key);
    }

    internal void RemoveWhere(Func<TKey, bool> isGone)
    {
        lock (writing)
        {
            foreach (var (key, _) in slots)
            {
                if (isGone(key)) Drop(key);
            }
        }
    }

    private TValue Add(TKey key, TValue value)
    {
        if (limit <= 0) return value;
        if (count >= limit) MakeRoom();
        slots[key] = new Slot(value) { UsedAt = ++clock };
        count++;
        return value;
    }

    private void Drop(TKey key)
    {
        if (slots.TryRemove(key, out _)) count--;
    }

    private void MakeRoom()
    {
        long[] sample = [.. slots.Take(SampleSize).Select(s => s.Value.UsedAt).Order()];
        var oldest = sample[sample.Length / 8];
        foreach (var (key, slot) in slots)
        {
            if (slot.UsedAt <= oldest) Drop(key);
        }
    }

    private sealed class Slot(TValue value)
    {
        internal TValue Value => value;

        internal long UsedAt;
    }
}
