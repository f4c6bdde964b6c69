namespace LeadScoring.Demo;

/// <summary>A small seeded generator: one per lead, so that a lead does not depend on how many others are made, or by which thread.</summary>
/// <remarks>SplitMix64, Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators". Not for secrets.</remarks>
internal struct DemoRandom
{
    private ulong state;

    internal DemoRandom(int seed, int stream, long index)
    {
        // Each part goes through the mixer, so that neighbouring seeds and indices share nothing.
        state = Mix((uint)seed + 0x9E3779B97F4A7C15UL);
        state = Mix(state ^ Mix((uint)stream + 0xD1B54A32D192ED03UL));
        state = Mix(state ^ Mix((ulong)index + 0x8CB92BA72F3D8DD7UL));
    }

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    internal double NextUnit() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    internal bool NextBool(double probability) => NextUnit() < probability;

    /// <summary>Uniform in 0..count-1.</summary>
    internal int NextIndex(int count) => (int)(NextUnit() * count);

    /// <summary>Uniform in [from, to).</summary>
    internal double NextBetween(double from, double to) => from + ((to - from) * NextUnit());

    /// <summary>Exponential with the given mean.</summary>
    internal double NextExponential(double mean) => -mean * Math.Log(1 - NextUnit());

    /// <summary>Poisson with the given mean: Knuth's product of uniforms, in pieces of at most 20 against underflow.</summary>
    internal int NextPoisson(double mean)
    {
        var count = 0;
        for (var rest = mean; rest > 0; rest -= 20)
        {
            var limit = Math.Exp(-Math.Min(20, rest));
            for (var product = NextUnit(); product > limit; product *= NextUnit()) count++;
        }

        return count;
    }

    /// <summary>An index drawn by weight; weights need not sum to one.</summary>
    internal int NextWeighted(ReadOnlySpan<double> weights)
    {
        double sum = 0;
        foreach (var w in weights) sum += w;
        var at = NextUnit() * sum;
        for (var i = 0; i < weights.Length - 1; i++)
        {
            at -= weights[i];
            if (at < 0) return i;
        }

        return weights.Length - 1;
    }

    private ulong NextBits()
    {
        state += 0x9E3779B97F4A7C15UL;
        return Mix(state);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
