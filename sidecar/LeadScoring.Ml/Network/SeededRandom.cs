namespace LeadScoring.Ml.Network;

/// <summary>SplitMix64 (Steele, Lea and Flood 2014). Unlike <see cref="Random"/>, its sequence can never change with the runtime.</summary>
internal sealed class SeededRandom(int seed)
{
    private ulong state = (ulong)seed;

    /// <summary>A whole number in [0, bound); the bias of at most bound / 2^32 does not matter for shuffling.</summary>
    internal int Next(int bound) => (int)((NextBits() >> 32) * (ulong)bound >> 32);

    /// <summary>A number in [-limit, limit).</summary>
    internal float NextSymmetric(float limit) => ((NextBits() >> 40) * (1f / (1 << 23)) - 1f) * limit;

    /// <summary>Puts the items in random order (Fisher and Yates).</summary>
    internal void Shuffle(Span<int> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private ulong NextBits()
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
