using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Explanation;

/// <summary>How much a feature moves the scores of a model.</summary>
/// <param name="Feature">Name in the model's profile.</param>
/// <param name="Points">Mean of the absolute points that it gives to a lead, 0 or more; a feature that raises half of the leads and lowers the others is as important as one that only raises.</param>
/// <param name="Share">Of the sum over all features, 0 to 1.</param>
public sealed record FeatureImportance(string Feature, double Points, double Share)
{
    /// <summary>Importance of every feature over some leads, the largest first: the mean absolute SHAP value in points (Lundberg and Lee 2017, section 5).</summary>
    /// <param name="model">The model.</param>
    /// <param name="values">Feature values, row-major (leads, features), in the order of the model's profile; leads that the model has not seen say how it works on new ones.</param>
    /// <exception cref="ArgumentException">There is no lead, or the values are not whole leads.</exception>
    public static IReadOnlyList<FeatureImportance> Of(EnsembleModel model, ReadOnlySpan<FeatureValue> values)
    {
        var features = model.Profile.Features;
        var leads = values.Length / features.Count;
        if (leads == 0) throw new ArgumentException("importance needs at least one lead", nameof(values));
        var points = new double[values.Length];
        new Explainer(model).Explain(values, new double[leads], points);
        var means = new double[features.Count];
        for (var i = 0; i < points.Length; i++) means[i % means.Length] += Math.Abs(points[i]) / leads;
        var sum = means.Sum();
        return [.. features.Select((f, i) => new FeatureImportance(f.Name, Math.Round(means[i], 4), sum > 0 ? Math.Round(means[i] / sum, 4) : 0)).OrderByDescending(f => f.Points).ThenBy(f => f.Feature, StringComparer.Ordinal)];
    }
}
