using System.Buffers;
using System.Runtime.InteropServices;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Explanation;

/// <summary>Tree SHAP of many rows: the two passes of <see cref="TreeShap"/> with rows in the lanes, one quadrature point after the other.</summary>
/// <remarks>
/// With s = -RatioLeft where the row goes right and RatioRight where it goes left (the cold child's share, with the sign of T_hot - T_cold seen from the
/// left), the left child's weight is (1 if the row goes left) - s (1 - t), and the split adds P s (T_left - T_right) to its feature; for a feature that
/// ancestors split on, (1 - t) becomes (1 - t) z / A and s becomes s z / A^2 in the last term. z and A are the same for all rows: one division a split.
/// </remarks>
/// <param name="forest">The splits.</param>
/// <param name="complements">1 - t of each point.</param>
/// <param name="weights">Weight of each point; shape as <paramref name="complements"/>.</param>
/// <param name="featureCount">Columns of a row.</param>
internal sealed unsafe class RowShap(ShapForest forest, float[] complements, float[] weights, int featureCount)
{
    /// <summary>Adds contributions to <paramref name="phi"/>, shape (count, featureCount + 1).</summary>
    internal void Add<TLanes>(ReadOnlySpan<float> rows, int count, Span<double> phi)
        where TLanes : struct, IRowLanes<TLanes>
    {
        var width = TLanes.Count;
        int columns = featureCount * width, slots = forest.SlotCount * width;
        var length = (4 * columns) + (2 * slots) + (2 * forest.LargestTree * width);
        var rented = ArrayPool<byte>.Shared.Rent((length * sizeof(float)) + CacheLine.Size);
        fixed (byte* bytes = rented)
        fixed (ShapForest.Split* splits = forest.Splits)
        fixed (ShapForest.Repeat* repeats = forest.Repeats)
        {
            var sums = (float*)CacheLine.Up(bytes);
            var work = new Work
            {
                Sums = sums,
                Rows = sums + columns,
                Raw = sums + (3 * columns),
                Products = sums + (4 * columns),
                Values = sums + (4 * columns) + slots,
                Splits = sums + (4 * columns) + (2 * slots),
            };
            TLanes.All(0).Store(work.Values);   // slot 0: a leaf passes on nothing but its own value
            for (var start = 0; start < count; start += width)
            {
                var used = Math.Min(width, count - start);
                Transpose(rows.Slice(start * featureCount, used * featureCount), used, width, work);
                for (var point = 0; point < complements.Length; point++)
                {
                    new Span<float>(sums, columns).Clear();
                    TLanes.All(weights[point]).Store(work.Products + width);
                    for (var tree = 0; tree + 1 < forest.Starts.Length; tree++)
                    {
                        var (first, end) = (forest.Starts[tree], forest.Starts[tree + 1]);
                        Down<TLanes>(splits + first, end - first, repeats, complements[point], work);
                        Up<TLanes>(splits + first, end - first, work);
                    }

                    Collect(sums, used, width, phi[(start * (featureCount + 1))..]);
                }
            }
        }

        ArrayPool<byte>.Shared.Return(rented);
    }

    private static void Down<TLanes>(ShapForest.Split* splits, int count, ShapForest.Repeat* repeats, float u, in Work work)
        where TLanes : struct, IRowLanes<TLanes>
    {
        var width = TLanes.Count;
        float* rows = work.Rows, products = work.Products, output = work.Splits;
        TLanes zero = TLanes.All(0), one = TLanes.All(1), minusU = TLanes.All(-u);
        for (var s = 0; s < count; s++, output += 2 * width)
        {
            var split = splits + s;
            var value = TLanes.Load(rows + (split->Slot * width));
            var threshold = TLanes.All(split->Threshold);
            var share = TLanes.Choose(value, threshold, TLanes.All(-split->RatioLeft), TLanes.All(split->RatioRight));
            var goesLeft = TLanes.Choose(value, threshold, zero, one);
            var product = TLanes.Load(products + (split->Own * width));
            TLanes left, factor;
            if (split->Repeat < 0)
            {
                left = TLanes.MultiplyAdd(share, minusU, goesLeft);
                factor = product * share;
            }
            else
            {
                var repeat = repeats + split->Repeat;
                var a = 1 - u + (u * repeat->Share);
                var (scale, weight) = (-u * repeat->Share / a, repeat->Share / (a * a));
                var raw = TLanes.Load(work.Raw + (split->Feature * width));
                TLanes low = TLanes.All(repeat->Low), high = TLanes.All(repeat->High);
                left = TLanes.MultiplyAdd(
                    share, TLanes.ChooseWithin(raw, low, high, TLanes.All(scale), TLanes.All(repeat->MissingStays ? scale : -1), TLanes.All(-1)), goesLeft);
                factor = product * share * TLanes.ChooseWithin(raw, low, high, TLanes.All(weight), TLanes.All(repeat->MissingStays ? weight : 0), zero);
            }

            var leftProduct = product * left;
            leftProduct.Store(products + (split->Left * width));
            (product - leftProduct).Store(products + (split->Right * width));
            left.Store(output);
            factor.Store(output + width);
        }
    }

    private static void Up<TLanes>(ShapForest.Split* splits, int count, in Work work)
        where TLanes : struct, IRowLanes<TLanes>
    {
        var width = TLanes.Count;
        float* sums = work.Sums, values = work.Values;
        var input = work.Splits + (2 * width * (count - 1));
        for (var s = count - 1; s >= 0; s--, input -= 2 * width)
        {
            var split = splits + s;
            var left = TLanes.Load(values + (split->Left * width)) + TLanes.All(split->LeftLeaf);
            var right = TLanes.Load(values + (split->Right * width)) + TLanes.All(split->RightLeaf);
            var difference = left - right;
            TLanes.MultiplyAdd(TLanes.Load(input), difference, right).Store(values + (split->Own * width));
            var sum = sums + (split->Feature * width);
            TLanes.MultiplyAdd(TLanes.Load(input + width), difference, TLanes.Load(sum)).Store(sum);
        }
    }

    /// <summary>Rows into lanes: missing as -infinity, missing as +infinity, and as it is. Lanes without a row are 0.</summary>
    private void Transpose(ReadOnlySpan<float> rows, int used, int width, in Work work)
    {
        for (var feature = 0; feature < featureCount; feature++)
        {
            for (var lane = 0; lane < width; lane++)
            {
                var value = lane < used ? rows[(lane * featureCount) + feature] : 0;
                var missing = float.IsNaN(value);
                work.Rows[(feature * width) + lane] = missing ? float.NegativeInfinity : value;
                work.Rows[((featureCount + feature) * width) + lane] = missing ? float.PositiveInfinity : value;
                work.Raw[(feature * width) + lane] = value;
            }
        }
    }

    private void Collect(float* sums, int used, int width, Span<double> phi)
    {
        for (var lane = 0; lane < used; lane++)
        {
            var row = phi.Slice(lane * (featureCount + 1), featureCount);
            for (var feature = 0; feature < row.Length; feature++)
                row[feature] += sums[(feature * width) + lane];
        }
    }

    /// <summary>Parts of the rented buffer.</summary>
    [StructLayout(LayoutKind.Auto)]
    private struct Work
    {
        internal float* Sums;
        internal float* Rows;
        internal float* Raw;
        internal float* Products;
        internal float* Values;
        internal float* Splits;
    }
}
