using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Explanation;

/// <summary>What one feature did to a score.</summary>
/// <param name="Feature">Position of the feature in the model's profile.</param>
/// <param name="Points">Score points, positive or negative.</param>
public readonly record struct FactorPoints(int Feature, double Points);

/// <summary>A score taken apart: <see cref="Base"/> plus all points is the score before rounding.</summary>
/// <param name="Base">Points of the average lead.</param>
/// <param name="Factors">One entry a feature, largest effect first.</param>
public sealed record Explanation(double Base, IReadOnlyList<FactorPoints> Factors);

/// <summary>Explains the scores of one model in points. Immutable, thread-safe.</summary>
/// <remarks>
/// Trees: exact path-dependent SHAP. Regression: coefficient times distance from the mean row, exact. Network: <see cref="NetworkContributions"/>.
/// Log-odds become probability by the secant slope of the sigmoid between base and lead, member by member, and the weighted average becomes points
/// by the secant slope of the isotonic map. Both maps rise, so a factor keeps its sign within a member, and the sum is the score by construction.
/// </remarks>
public sealed class Explainer(EnsembleModel model)
{
    private readonly TreeShap boosting = new(model.GradientBoosting);
    private readonly TreeShap forest = new(model.RandomForest);

    /// <summary>Explains the score of a lead.</summary>
    /// <param name="values">One value a feature, in the order of the model's profile.</param>
    public Explanation Explain(ReadOnlySpan<FeatureValue> values)
    {
        var preprocessor = model.Preprocessor;
        var tree = new float[preprocessor.TreeColumns.Count];
        var dense = new float[preprocessor.DenseColumns.Count];
        preprocessor.Encode(values, tree, dense);
        var lift = new double[values.Length];
        Span<double> members = stackalloc double[EnsembleModel.Members];
        Span<double> bases = stackalloc double[EnsembleModel.Members];
        model.MemberProbabilities(tree, dense, members);
        bases[0] = AddTrees(boosting, model.GradientBoosting, tree, model.Weights.GradientBoosting, lift);
        bases[1] = AddTrees(forest, model.RandomForest, tree, model.Weights.RandomForest, lift);
        bases[2] = AddNetwork(dense, lift);
        bases[3] = AddRegression(dense, lift);

        var sum = model.Weights.GradientBoosting + model.Weights.RandomForest + model.Weights.Network + model.Weights.Regression;
        var basePoints = 100 * model.Calibrate(model.Weights.Average(bases));
        var points = 100 * model.Calibrate(model.Weights.Average(members));
        double total = 0;
        foreach (var part in lift) total += part;
        // total is the weighted difference of the averages; next to nothing means base and lead meet, and there is nothing to tell apart.
        var slope = Math.Abs(total) > 1e-9 * sum ? (points - basePoints) / total : 0;
        var factors = lift.Select((part, f) => new FactorPoints(f, part * slope)).OrderByDescending(f => Math.Abs(f.Points)).ThenBy(f => f.Feature).ToArray();
        return new Explanation(slope == 0 ? points : basePoints, factors);
    }

    private double AddTrees(TreeShap shap, TreeEnsemble ensemble, float[] row, double weight, double[] lift)
    {
        var phi = new double[shap.FeatureCount + 1];
        shap.Contributions(row, phi);
        Add(phi.AsSpan(0, shap.FeatureCount), shap.Bias, model.Preprocessor.TreeColumns, weight, m => ensemble.Probability((float)m), lift);
        return ensemble.Probability((float)shap.Bias);
    }

    private double AddNetwork(float[] row, double[] lift)
    {
        var phi = new double[row.Length];
        var margin = NetworkContributions.Of(model.Network, row, model.DenseBaseline.Span, phi);
        Add(phi, margin, model.Preprocessor.DenseColumns, model.Weights.Network, Sigmoid, lift);
        return Sigmoid(margin);
    }

    private double AddRegression(float[] row, double[] lift)
    {
        var phi = new double[row.Length];
        for (var i = 0; i < phi.Length; i++) phi[i] = model.Regression.Coefficients[i] * (row[i] - model.DenseBaseline.Span[i]);
        var margin = model.Regression.Margin(model.DenseBaseline.Span);
        Add(phi, margin, model.Preprocessor.DenseColumns, model.Weights.Regression, Sigmoid, lift);
        return Sigmoid(margin);
    }

    private static void Add(
        ReadOnlySpan<double> phi, double baseMargin, IReadOnlyList<EncodedColumn> columns, double weight, Func<double, double> probability, double[] lift)
    {
        double total = 0;
        foreach (var part in phi) total += part;
        var low = probability(baseMargin);
        var slope = Math.Abs(total) > 1e-6
            ? (probability(baseMargin + total) - low) / total
            : (probability(baseMargin + 1e-3) - probability(baseMargin - 1e-3)) / 2e-3;
        for (var i = 0; i < phi.Length; i++) lift[columns[i].Feature] += weight * slope * phi[i];
    }

    private static double Sigmoid(double margin) => 1 / (1 + Math.Exp(-margin));
}
