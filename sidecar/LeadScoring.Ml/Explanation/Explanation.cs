namespace LeadScoring.Ml.Explanation;

/// <summary>What one feature did to a score.</summary>
/// <param name="Feature">Position of the feature in the model's profile.</param>
/// <param name="Points">Score points, positive or negative.</param>
public readonly record struct FactorPoints(int Feature, double Points);

/// <summary>A score taken apart: <see cref="Base"/> plus all points is the score before rounding.</summary>
/// <param name="Base">Points of the average lead.</param>
/// <param name="Factors">One entry a feature, largest effect first.</param>
public sealed record Explanation(double Base, IReadOnlyList<FactorPoints> Factors);
