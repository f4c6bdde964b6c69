using System.Runtime.CompilerServices;

namespace LeadScoring.Ml.Trees;

/// <summary>An array that stays where it is and begins on a cache line. The pointer is good while the array is reachable.</summary>
internal sealed unsafe class AlignedArray<T>
    where T : unmanaged
{
    private readonly byte[] memory;

    /// <param name="length">Elements, all zero.</param>
    internal AlignedArray(int length)
    {
        memory = GC.AllocateArray<byte>(checked((length * sizeof(T)) + CacheLine.Size), pinned: true);
        At = (T*)CacheLine.Up((byte*)Unsafe.AsPointer(ref memory[0]));
    }

    internal AlignedArray(List<T> elements)
        : this(elements.Count) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(elements).CopyTo(new Span<T>(At, elements.Count));

    internal T* At { get; }
}

/// <summary>Cache lines: 64 bytes on the processors at hand.</summary>
internal static unsafe class CacheLine
{
    internal const int Size = 64;

    /// <summary>The first address from here on that begins a line.</summary>
    internal static byte* Up(byte* address) => (byte*)(((nuint)address + (Size - 1)) & ~(nuint)(Size - 1));
}
