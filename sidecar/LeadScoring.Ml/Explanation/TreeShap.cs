using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Explanation;

/// <summary>Exact path-dependent tree SHAP: how much each feature moves one row's margin away from the expected margin.</summary>
/// <remarks>
/// <para>
/// Source of the quantity: Lundberg, Erion, Lee (2018), "Consistent Individualized Feature Attribution for Tree Ensembles", algorithm 2,
/// which is XGBoost's <c>pred_contribs</c>. With o_i = 1 if the row follows the path at every split on feature i (else 0), and z_i the product
/// of the cover shares of those splits, a leaf of value v gives feature i
/// v (o_i - z_i) * integral over t in [0, 1] of the product over j != i of (t o_j + (1 - t) z_j).
/// </para>
/// <para>
/// The integrand is a polynomial in t of degree D - 1 at most, D = distinct features on the path, so Gauss-Legendre quadrature with
/// ceil(D / 2) points is exact, and for fixed t everything is a product along paths: two linear passes over the tree instead of D^2 work
/// per leaf. Let P be the path product at a split, T_hot and T_cold the value of the child that the row takes and of the other
/// (a leaf's own value; a split's T_hot - F (T_hot - T_cold)), r the cold child's cover share, and, where ancestors split on the same
/// feature and the row followed them, z their share and A = t + (1 - t) z (otherwise z = A = 1). Then F = (1 - t) z r / A, and the split
/// adds P (z r / A^2) (T_hot - T_cold) to its feature. Where the row has left the path at such an ancestor: F = r, and nothing is added.
/// </para>
/// <para>Immutable, safe to use from any number of threads; buffers are pooled, nothing is allocated per row.</para>
/// </remarks>
public sealed class TreeShap
{
    private readonly ShapForest forest;
    private readonly float[] complements;
    private readonly float[] weights;
    private readonly int lanes;
    private readonly RowShap batch;

    /// <param name="ensemble">The model to explain.</param>
    public TreeShap(TreeEnsemble ensemble)
    {
        ArgumentNullException.ThrowIfNull(ensemble);
        FeatureCount = ensemble.FeatureCount;
        forest = new ShapForest(ensemble);
        var (points, pointWeights) = GaussLegendre.Rule(Math.Max(1, (forest.MaxDistinctFeatures + 1) / 2));
        lanes = points.Length <= FourLanes.Count ? FourLanes.Count : EightLanes.Count;
        complements = new float[(points.Length + lanes - 1) / lanes * lanes];   // 1 - t; filled up with points of weight 0
        weights = new float[complements.Length];
        complements.AsSpan().Fill(0.5f);
        for (var i = 0; i < points.Length; i++)
            (complements[i], weights[i]) = ((float)(1 - points[i]), (float)pointWeights[i]);
        batch = new RowShap(forest, complements[..points.Length], weights[..points.Length], FeatureCount);
    }

    /// <summary>Columns of a row.</summary>
    public int FeatureCount { get; }

    /// <summary>The expected margin over the training rows: what a row of which nothing is known scores.</summary>
    public double Bias => forest.Bias;

    /// <summary>Contributions of each feature to the margin of one row.</summary>
    /// <param name="row">Shape (FeatureCount). NaN = missing.</param>
    /// <param name="phi">Receives contributions in margin units, shape (FeatureCount + 1); the last is <see cref="Bias"/>. Their sum is the margin.</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void Contributions(ReadOnlySpan<float> row, Span<double> phi)
    {
        if (row.Length != FeatureCount)
            throw new ArgumentException($"The row has {row.Length} values, the model has {FeatureCount} features.", nameof(row));
        if (phi.Length != FeatureCount + 1)
            throw new ArgumentException($"There is room for {phi.Length} contributions; {FeatureCount + 1} are needed.", nameof(phi));
        phi.Clear();
        phi[^1] = Bias;
        if (lanes == FourLanes.Count)
            Add<FourLanes>(row, phi);
        else
            Add<EightLanes>(row, phi);
    }

    /// <summary>Contributions of each feature to the margins of many rows, 8 or 16 rows at once. Agrees with the single call to rounding.</summary>
    /// <param name="rows">Row-major, shape (count, FeatureCount). NaN = missing.</param>
    /// <param name="count">Rows; any number, and several times cheaper a row from 8 on.</param>
    /// <param name="phi">Receives contributions in margin units, row-major, shape (count, FeatureCount + 1); the last of a row is <see cref="Bias"/>.</param>
    /// <exception cref="ArgumentException">The shapes do not agree.</exception>
    public void Contributions(ReadOnlySpan<float> rows, int count, Span<double> phi)
    {
        if (count < 0 || (long)count * FeatureCount != rows.Length)
            throw new ArgumentException($"{rows.Length} values are not {count} rows of {FeatureCount} features.", nameof(rows));
        var width = FeatureCount + 1;
        if ((long)count * width != phi.Length)
            throw new ArgumentException($"There is room for {phi.Length} contributions; {count} rows need {(long)count * width}.", nameof(phi));
        // A register that is nearly empty costs as much as a full one.
        var together = count - (count % EightRows.Count <= 2 ? count % EightRows.Count : 0);
        for (var i = together; i < count; i++)
            Contributions(rows.Slice(i * FeatureCount, FeatureCount), phi.Slice(i * width, width));
        phi[..(together * width)].Clear();
        for (var i = 0; i < together; i++)
            phi[((i + 1) * width) - 1] = Bias;
        if (together > EightRows.Count && Vector512.IsHardwareAccelerated)
            batch.Add<SixteenRows>(rows, together, phi);
        else
            batch.Add<EightRows>(rows, together, phi);
    }

    private unsafe void Add<TLanes>(ReadOnlySpan<float> row, Span<double> phi)
        where TLanes : struct, ILanes<TLanes>
    {
        var width = TLanes.Count;
        var sumsLength = FeatureCount * width;
        var slotsLength = forest.SlotCount * width;
        var length = (2 * FeatureCount) + sumsLength + (2 * slotsLength) + (2 * forest.LargestTree * width);
        var rented = ArrayPool<float>.Shared.Rent(length);
        fixed (float* buffer = rented, complement = complements, weight = weights)
        fixed (ShapForest.Split* splits = forest.Splits)
        fixed (ShapForest.Repeat* repeats = forest.Repeats)
        {
            var sums = buffer;
            var work = new Work
            {
                Row = sums + sumsLength,
                Sums = sums,
                Products = sums + sumsLength + (2 * FeatureCount),
                Values = sums + sumsLength + (2 * FeatureCount) + slotsLength,
                Splits = sums + sumsLength + (2 * FeatureCount) + (2 * slotsLength),
                FeatureCount = FeatureCount,
            };
            WriteTwice(row, work.Row);
            TLanes.All(0).Store(work.Values);   // slot 0: a leaf passes on nothing but its own value
            for (var chunk = 0; chunk < complements.Length; chunk += width)
            {
                new Span<float>(sums, sumsLength).Clear();
                var u = TLanes.Load(complement + chunk);
                for (var tree = 0; tree + 1 < forest.Starts.Length; tree++)
                {
                    var (start, end) = (forest.Starts[tree], forest.Starts[tree + 1]);
                    Down(splits + start, end - start, repeats, u, work);
                    Up<TLanes>(splits + start, end - start, work);
                }

                for (var feature = 0; feature < FeatureCount; feature++)
                {
                    for (var lane = 0; lane < width; lane++)
                        phi[feature] += (double)weight[chunk + lane] * sums[(feature * width) + lane];
                }
            }
        }

        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>From the root: which way the row goes, path products, and for each split its F (for the right child) and its factor of T_left - T_right.</summary>
    private static unsafe void Down<TLanes>(ShapForest.Split* splits, int count, ShapForest.Repeat* repeats, TLanes u, in Work work)
        where TLanes : struct, ILanes<TLanes>
    {
        var width = TLanes.Count;
        float* row = work.Row, products = work.Products, output = work.Splits;

        // Which way a row goes cannot be predicted, so it selects numbers and never branches: index 0 = left, 1 = right.
        var signs = stackalloc float[2] { 1, -1 };
        var offsets = stackalloc float[2] { 0, 1 };
        var one = TLanes.All(1);
        one.Store(products + width);
        for (var s = 0; s < count; s++, output += 2 * width)
        {
            var split = splits + s;
            nint side = Unsafe.BitCast<bool, byte>(row[split->Slot] >= split->Threshold);
            var sign = signs[side];
            var cold = (&split->RatioRight)[side];
            var product = TLanes.Load(products + (split->Own * width));
            TLanes f, factor;
            if (split->Repeat < 0)
            {
                f = u * TLanes.All(cold);
                factor = product * TLanes.All(cold * sign);
            }
            else
            {
                var repeat = repeats + split->Repeat;
                var a = TLanes.MultiplyAdd(u, TLanes.All(repeat->Share), one - u);
                var follows = Follows(row, work.FeatureCount, split->Feature, repeat);
                var share = follows ? TLanes.All(repeat->Share * cold) / a : TLanes.All(cold);
                f = follows ? u * share : share;
                factor = follows ? product * (share / a) * TLanes.All(sign) : TLanes.All(0);
            }

            var coldProduct = product * f;
            (product - coldProduct).Store(products + ((&split->Left)[side] * width));
            coldProduct.Store(products + ((&split->Left)[1 - side] * width));
            TLanes.MultiplyAdd(f, TLanes.All(sign), TLanes.All(offsets[side])).Store(output);
            factor.Store(output + width);
        }
    }

    /// <summary>From the leaves: the value of each split, and its share for its feature.</summary>
    private static unsafe void Up<TLanes>(ShapForest.Split* splits, int count, in Work work)
        where TLanes : struct, ILanes<TLanes>
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
            (left - (TLanes.Load(input) * difference)).Store(values + (split->Own * width));
            var sum = sums + (split->Feature * width);
            TLanes.MultiplyAdd(TLanes.Load(input + width), difference, TLanes.Load(sum)).Store(sum);
        }
    }

    private static unsafe bool Follows(float* row, int featureCount, int feature, ShapForest.Repeat* repeat)
    {
        var value = row[feature];
        return value == row[featureCount + feature]
            ? value >= repeat->Low && value <= repeat->High
            : repeat->MissingStays;
    }

    private static unsafe void WriteTwice(ReadOnlySpan<float> row, float* twice)
    {
        for (var i = 0; i < row.Length; i++)
        {
            var missing = float.IsNaN(row[i]);
            twice[i] = missing ? float.NegativeInfinity : row[i];
            twice[row.Length + i] = missing ? float.PositiveInfinity : row[i];
        }
    }

    /// <summary>Parts of the rented buffer.</summary>
    [StructLayout(LayoutKind.Auto)]
    private unsafe struct Work
    {
        internal float* Row;
        internal float* Sums;
        internal float* Products;
        internal float* Values;
        internal float* Splits;
        internal int FeatureCount;
    }
}
