using System.Buffers;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Explanation;

/// <summary>Explains the scores of one model in points. Immutable, thread-safe.</summary>
/// <remarks>
/// Trees: exact path-dependent SHAP. Regression: coefficient times distance from the mean row, exact. Network: <see cref="NetworkContributions"/>.
/// Log-odds become points by <see cref="PointsPath"/>, which walks from the base to the lead with all members at once: base plus all points is the
/// score by construction.
/// </remarks>
public sealed class Explainer(EnsembleModel model)
{
    // Bounds the buffers of a call over many leads.
    private const int ChunkLeads = 256;

    private readonly TreeShap boosting = new(model.GradientBoosting);
    private readonly TreeShap forest = new(model.RandomForest);

    /// <summary>Steps of the path from base to lead. One step is the secant of each map.</summary>
    internal int PathSteps { get; init; } = PointsPath.DefaultSteps;

    /// <summary>Features of a lead, of which each gets points.</summary>
    public int FeatureCount => model.Profile.Features.Count;

    /// <summary>Explains the score of a lead.</summary>
    /// <param name="values">One value a feature, in the order of the model's profile.</param>
    public Explanation Explain(ReadOnlySpan<FeatureValue> values)
    {
        if (values.Length != FeatureCount) throw new ArgumentException($"{values.Length} values are not one lead of {FeatureCount} features", nameof(values));
        return ExplainMany(values)[0];
    }

    /// <summary>Explains the scores of many leads: several times sooner than one by one.</summary>
    /// <param name="values">Feature values, row-major (leads, features).</param>
    /// <returns>One explanation a lead, in order.</returns>
    /// <exception cref="ArgumentException">The values are not whole leads.</exception>
    public Explanation[] ExplainMany(ReadOnlySpan<FeatureValue> values)
    {
        var width = FeatureCount;
        var explanations = new Explanation[values.Length / width];
        var bases = ArrayPool<double>.Shared.Rent(explanations.Length);
        var points = ArrayPool<double>.Shared.Rent(values.Length);
        Explain(values, bases.AsSpan(0, explanations.Length), points.AsSpan(0, values.Length));
        for (var i = 0; i < explanations.Length; i++)
        {
            var factors = new FactorPoints[width];
            for (var f = 0; f < width; f++) factors[f] = new FactorPoints(f, points[(i * width) + f]);
            Array.Sort(factors, LargestFirst);
            explanations[i] = new Explanation(bases[i], factors);
        }

        ArrayPool<double>.Shared.Return(bases);
        ArrayPool<double>.Shared.Return(points);
        return explanations;
    }

    /// <summary>Explains the scores of many leads; nothing is allocated.</summary>
    /// <param name="values">Feature values, row-major (leads, features).</param>
    /// <param name="bases">Receives the base of each lead. Length leads.</param>
    /// <param name="points">Receives the points of each feature, row-major (leads, features).</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public void Explain(ReadOnlySpan<FeatureValue> values, Span<double> bases, Span<double> points)
    {
        var width = FeatureCount;
        if (values.Length != bases.Length * width) throw new ArgumentException($"{values.Length} values do not make {bases.Length} leads of {width} features", nameof(values));
        if (points.Length != values.Length) throw new ArgumentException($"there is room for {points.Length} points; {values.Length} are needed", nameof(points));
        for (var from = 0; from < bases.Length; from += ChunkLeads)
        {
            var count = Math.Min(ChunkLeads, bases.Length - from);
            ExplainChunk(values.Slice(from * width, count * width), bases.Slice(from, count), points.Slice(from * width, count * width));
        }
    }

    private void ExplainChunk(ReadOnlySpan<FeatureValue> values, Span<double> bases, Span<double> points)
    {
        var preprocessor = model.Preprocessor;
        int count = bases.Length, width = FeatureCount, t = preprocessor.TreeColumns.Count, d = preprocessor.DenseColumns.Count;
        var rows = ArrayPool<float>.Shared.Rent(count * (t + d));
        var phis = ArrayPool<double>.Shared.Rent((count * 2 * (t + 1)) + d);
        var tree = rows.AsSpan(0, count * t);
        var dense = rows.AsSpan(count * t, count * d);
        for (var i = 0; i < count; i++) preprocessor.Encode(values.Slice(i * width, width), tree.Slice(i * t, t), dense.Slice(i * d, d));
        var byBoosting = phis.AsSpan(0, count * (t + 1));
        var byForest = phis.AsSpan(count * (t + 1), count * (t + 1));
        boosting.Contributions(tree, count, byBoosting);
        forest.Contributions(tree, count, byForest);
        var phi = phis.AsSpan(count * 2 * (t + 1), d);
        for (var i = 0; i < count; i++)
            bases[i] = Points(byBoosting.Slice(i * (t + 1), t), byForest.Slice(i * (t + 1), t), dense.Slice(i * d, d), phi, points.Slice(i * width, width));
        ArrayPool<double>.Shared.Return(phis);
        ArrayPool<float>.Shared.Return(rows);
    }

    /// <summary>The points of one lead from the contributions of its members; the result is the base.</summary>
    private double Points(ReadOnlySpan<double> byBoosting, ReadOnlySpan<double> byForest, ReadOnlySpan<float> dense, Span<double> phi, Span<double> points)
    {
        var baseline = model.DenseBaseline.Span;
        Span<double> bases = [boosting.Bias, forest.Bias, NetworkContributions.Of(model.Network, dense, baseline, phi), model.Regression.Margin(baseline)];
        Span<double> deltas = [Sum(byBoosting), Sum(byForest), Sum(phi), model.Regression.Margin(dense) - bases[3]];
        Span<double> slopes = stackalloc double[EnsembleModel.Members];
        var basePoints = PointsPath.Slopes(model, bases, deltas, slopes, PathSteps);

        points.Clear();
        var (tree, columns) = (model.Preprocessor.TreeColumns, model.Preprocessor.DenseColumns);
        for (var c = 0; c < byBoosting.Length; c++) points[tree[c].Feature] += (slopes[0] * byBoosting[c]) + (slopes[1] * byForest[c]);
        var coefficients = model.Regression.Coefficients;
        for (var c = 0; c < phi.Length; c++)
            points[columns[c].Feature] += (slopes[2] * phi[c]) + (slopes[3] * coefficients[c] * (dense[c] - baseline[c]));
        return basePoints;
    }

    private static double Sum(ReadOnlySpan<double> parts)
    {
        double sum = 0;
        foreach (var part in parts) sum += part;
        return sum;
    }

    private static int LargestFirst(FactorPoints a, FactorPoints b)
    {
        var order = Math.Abs(b.Points).CompareTo(Math.Abs(a.Points));
        return order != 0 ? order : a.Feature.CompareTo(b.Feature);
    }
}
