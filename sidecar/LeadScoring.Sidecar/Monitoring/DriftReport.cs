using System.Text.Json;
using LeadScoring.Ml.Drift;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>One test of one feature.</summary>
/// <param name="Aspect">values, missing or unseen.</param>
/// <param name="Distance">Of numbers Kolmogorov-Smirnov, of levels Jensen-Shannon in bits; of missing and unseen the share now less the share in training.</param>
/// <param name="Least">Distance from which on it matters.</param>
/// <param name="PValue">How likely it would be without drift.</param>
/// <param name="Level">Level that it is held against.</param>
/// <param name="IsAlarm">More than chance, and large enough to matter.</param>
public sealed record DriftTestReport(DriftAspect Aspect, double Distance, double Least, double PValue, double Level, bool IsAlarm)
{
    internal static DriftTestReport Of(DriftTest t) => new(t.Aspect, Math.Round(t.Distance, 4), t.Least, Math.Round(t.PValue, 7), Math.Round(t.Level, 7), t.IsAlarm);
}

/// <summary>A feature, or the model's probabilities, against training.</summary>
/// <param name="Feature">Name; absent for the probabilities.</param>
/// <param name="Psi">Population stability index; absent without values.</param>
/// <param name="PsiByChance">What the index would be without drift, on average.</param>
/// <param name="Wasserstein">Mean distance that values moved, in the feature's unit; absent for levels.</param>
/// <param name="MissingBefore">Share of training leads without a value.</param>
/// <param name="MissingNow">Share of these leads without one.</param>
public sealed record FeatureDriftReport(string? Feature, double? Psi, double? PsiByChance, double? Wasserstein, double MissingBefore, double MissingNow, IReadOnlyList<DriftTestReport> Tests)
{
    internal static FeatureDriftReport Of(string? feature, FeatureDrift d) => new(
        feature, Finite(d.Psi), Finite(d.PsiByChance), Finite(d.Wasserstein), Math.Round(d.MissingBefore, 4), Math.Round(d.MissingNow, 4), [.. d.Tests.Select(DriftTestReport.Of)]);

    private static double? Finite(double value) => double.IsFinite(value) ? Math.Round(value, 4) : null;
}

/// <summary>What a check saw in a window.</summary>
/// <param name="Features">The most drifted first.</param>
/// <param name="Prediction">The model's probabilities; absent where the model has no reference of them.</param>
public sealed record DriftReport(IReadOnlyList<FeatureDriftReport> Features, FeatureDriftReport? Prediction)
{
    internal static DriftReport Of(IReadOnlyList<string> names, WindowCheck check) => new(
        [.. check.ByFeature.Select((f, i) => FeatureDriftReport.Of(names[i], f)).OrderBy(f => f.Tests.Min(t => t.PValue)).ThenByDescending(f => f.Psi ?? 0)],
        check.Prediction is null ? null : FeatureDriftReport.Of(null, check.Prediction));

    internal string Write() => JsonSerializer.Serialize(this);

    internal static DriftReport? Read(string? json) => json is null ? null : JsonSerializer.Deserialize<DriftReport>(json);
}
