using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Explanation;

/// <summary>A register of rows: lanes that can also be compared.</summary>
internal interface IRowLanes<TSelf> : ILanes<TSelf>
    where TSelf : struct, IRowLanes<TSelf>
{
    /// <summary>Lane by lane: <paramref name="atLeast"/> where value is at least bound, else <paramref name="below"/> (NaN too).</summary>
    static abstract TSelf Choose(TSelf value, TSelf bound, TSelf atLeast, TSelf below);

    /// <summary>Lane by lane: <paramref name="inside"/> where low, value and high ascend, <paramref name="missing"/> where value is NaN, else <paramref name="outside"/>.</summary>
    static abstract TSelf ChooseWithin(TSelf value, TSelf low, TSelf high, TSelf inside, TSelf missing, TSelf outside);
}

/// <summary>Eight rows.</summary>
internal readonly unsafe struct EightRows(Vector256<float> value) : IRowLanes<EightRows>
{
    private readonly Vector256<float> value = value;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows Load(float* address) => new(Vector256.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows All(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows operator +(EightRows left, EightRows right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows operator -(EightRows left, EightRows right) => new(left.value - right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows operator *(EightRows left, EightRows right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows operator /(EightRows left, EightRows right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows MultiplyAdd(EightRows left, EightRows right, EightRows addend) =>
        new(Vector256.MultiplyAddEstimate(left.value, right.value, addend.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows Choose(EightRows value, EightRows bound, EightRows atLeast, EightRows below) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(value.value, bound.value), atLeast.value, below.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightRows ChooseWithin(EightRows value, EightRows low, EightRows high, EightRows inside, EightRows missing, EightRows outside)
    {
        var known = Vector256.ConditionalSelect(
            Vector256.GreaterThanOrEqual(value.value, low.value) & Vector256.LessThanOrEqual(value.value, high.value), inside.value, outside.value);
        return new(Vector256.ConditionalSelect(Vector256.Equals(value.value, value.value), known, missing.value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* address) => value.Store(address);
}

/// <summary>Sixteen rows: processors with 512-bit registers (AVX-512).</summary>
internal readonly unsafe struct SixteenRows(Vector512<float> value) : IRowLanes<SixteenRows>
{
    private readonly Vector512<float> value = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Load(float* address) => new(Vector512.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows All(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows operator +(SixteenRows left, SixteenRows right) => new(left.value + right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows operator -(SixteenRows left, SixteenRows right) => new(left.value - right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows operator *(SixteenRows left, SixteenRows right) => new(left.value * right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows operator /(SixteenRows left, SixteenRows right) => new(left.value / right.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows MultiplyAdd(SixteenRows left, SixteenRows right, SixteenRows addend) =>
        new(Vector512.MultiplyAddEstimate(left.value, right.value, addend.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows Choose(SixteenRows value, SixteenRows bound, SixteenRows atLeast, SixteenRows below) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(value.value, bound.value), atLeast.value, below.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SixteenRows ChooseWithin(SixteenRows value, SixteenRows low, SixteenRows high, SixteenRows inside, SixteenRows missing, SixteenRows outside)
    {
        var known = Vector512.ConditionalSelect(
            Vector512.GreaterThanOrEqual(value.value, low.value) & Vector512.LessThanOrEqual(value.value, high.value), inside.value, outside.value);
        return new(Vector512.ConditionalSelect(Vector512.Equals(value.value, value.value), known, missing.value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* address) => value.Store(address);
}
