using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LeadScoring.Ml.Trees;

/// <summary>The bytes of one row in registers, from which bytes are selected by slot (AVX-512 VBMI).</summary>
internal unsafe interface IRowRegisters<TSelf>
    where TSelf : struct, IRowRegisters<TSelf>
{
    static abstract TSelf Load(sbyte* ranks);

    Vector512<byte> Select(Vector512<byte> slots);
}

/// <summary>Up to 64 slots.</summary>
internal readonly unsafe struct OneRegister(Vector512<byte> row) : IRowRegisters<OneRegister>
{
    private readonly Vector512<byte> row = row;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneRegister Load(sbyte* ranks) => new(Vector512.Load((byte*)ranks));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<byte> Select(Vector512<byte> slots) => Avx512Vbmi.PermuteVar64x8(row, slots);
}

/// <summary>Up to 128 slots.</summary>
internal readonly unsafe struct TwoRegisters(Vector512<byte> low, Vector512<byte> high) : IRowRegisters<TwoRegisters>
{
    private readonly Vector512<byte> low = low, high = high;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TwoRegisters Load(sbyte* ranks) => new(Vector512.Load((byte*)ranks), Vector512.Load((byte*)ranks + 64));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<byte> Select(Vector512<byte> slots) => Avx512Vbmi.PermuteVar64x8x2(low, slots, high);
}
