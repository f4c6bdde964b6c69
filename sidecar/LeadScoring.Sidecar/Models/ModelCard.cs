using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Training;

namespace LeadScoring.Sidecar.Models;

/// <summary>What is to be known of a version before somebody relies on it: what it is for, how it was judged and decided on, where it must not be trusted.</summary>
/// <param name="JudgedAt">When.</param>
/// <param name="IsPromoted">Whether it became the champion then.</param>
/// <param name="Decision">Why, or why not.</param>
/// <param name="Use">What it is for.</param>
/// <param name="Comparison">How it was compared with the champion.</param>
/// <param name="ComparedRows">Leads compared on.</param>
/// <param name="Gates">Each gate with number, interval, threshold and verdict.</param>
/// <param name="Limits">Where it must not be trusted.</param>
/// <param name="IsStaged">Whether it was to become the champion in stages.</param>
/// <param name="Effort">How far its outcomes hang on who was worked; absent in cards from before it was looked at.</param>
/// <param name="IsCorrectedForEffort">Whether it learned from leads that were worked, each standing for those like it that were not.</param>
/// <param name="Importance">How many points each feature gives or takes on average, on leads that it had not seen, the largest first; absent in cards from before it was measured.</param>
public sealed record ModelCard(
    DateTimeOffset JudgedAt, bool IsPromoted, string Decision, string Use, string Comparison, int ComparedRows, IReadOnlyList<GateResult> Gates, IReadOnlyList<string> Limits, bool IsStaged = false, EffortCheck? Effort = null,
    bool IsCorrectedForEffort = false, IReadOnlyList<FeatureImportance>? Importance = null);
