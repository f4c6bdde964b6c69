using System.Runtime.InteropServices;

namespace LeadScoring.Ml.Network;

/// <summary>Weights that begin on a cache line and stay there: a vector load that crosses lines is two.</summary>
internal readonly struct AlignedFloats
{
    private const int Line = 64;

    private readonly float[] memory;
    private readonly int start;

    /// <param name="length">Numbers, all 0.</param>
    internal AlignedFloats(int length)
    {
        Length = length;
        memory = GC.AllocateArray<float>(length + (Line / sizeof(float)), pinned: true);
        start = (int)((Line - (Marshal.UnsafeAddrOfPinnedArrayElement(memory, 0) % Line)) % Line) / sizeof(float);
    }

    internal int Length { get; }

    internal Span<float> Span => memory.AsSpan(start, Length);
}
