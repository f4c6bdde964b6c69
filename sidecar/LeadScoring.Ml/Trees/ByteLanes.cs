using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Trees;

/// <summary>A register of bytes, one a row, so that the kernel is written once for all widths.</summary>
internal unsafe interface IByteLanes<TSelf>
    where TSelf : struct, IByteLanes<TSelf>
{
    static abstract int Count { get; }

    static abstract TSelf Load(sbyte* address);

    /// <summary>The same four bytes throughout.</summary>
    static abstract TSelf All(int fourBytes);

    static abstract TSelf operator +(TSelf left, TSelf right);

    /// <summary>Lane by lane: <paramref name="above"/> where value is greater than bound, else <paramref name="other"/>.</summary>
    static abstract TSelf Choose(TSelf value, TSelf bound, TSelf above, TSelf other);

    void Store(sbyte* address);
}

/// <summary>16 rows: processors with 128-bit registers (Arm).</summary>
internal readonly unsafe struct SixteenBytes(Vector128<sbyte> value) : IByteLanes<SixteenBytes>
{
    private readonly Vector128<sbyte> value = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenBytes Load(sbyte* address) => new(Vector128.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenBytes All(int fourBytes) => new(Vector128.Create(fourBytes).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenBytes operator +(SixteenBytes left, SixteenBytes right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenBytes Choose(SixteenBytes value, SixteenBytes bound, SixteenBytes above, SixteenBytes other) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(value.value, bound.value), above.value, other.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(sbyte* address) => value.Store(address);
}

/// <summary>32 rows: processors with 256-bit registers (AVX2).</summary>
internal readonly unsafe struct ThirtyTwoBytes(Vector256<sbyte> value) : IByteLanes<ThirtyTwoBytes>
{
    private readonly Vector256<sbyte> value = value;

    public static int Count => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThirtyTwoBytes Load(sbyte* address) => new(Vector256.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThirtyTwoBytes All(int fourBytes) => new(Vector256.Create(fourBytes).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThirtyTwoBytes operator +(ThirtyTwoBytes left, ThirtyTwoBytes right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThirtyTwoBytes Choose(ThirtyTwoBytes value, ThirtyTwoBytes bound, ThirtyTwoBytes above, ThirtyTwoBytes other) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(value.value, bound.value), above.value, other.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(sbyte* address) => value.Store(address);
}

/// <summary>64 rows: processors with 512-bit registers (AVX-512).</summary>
internal readonly unsafe struct SixtyFourBytes(Vector512<sbyte> value) : IByteLanes<SixtyFourBytes>
{
    private readonly Vector512<sbyte> value = value;

    public static int Count => 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixtyFourBytes Load(sbyte* address) => new(Vector512.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixtyFourBytes All(int fourBytes) => new(Vector512.Create(fourBytes).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixtyFourBytes operator +(SixtyFourBytes left, SixtyFourBytes right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixtyFourBytes Choose(SixtyFourBytes value, SixtyFourBytes bound, SixtyFourBytes above, SixtyFourBytes other) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(value.value, bound.value), above.value, other.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(sbyte* address) => value.Store(address);
}
