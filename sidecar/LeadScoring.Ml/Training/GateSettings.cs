namespace LeadScoring.Ml.Training;

/// <summary>How a model that passes the gates comes to score.</summary>
public enum Deployment
{
    /// <summary>It becomes the champion at once.</summary>
    AtOnce,

    /// <summary>First a shadow on the same leads, then the challenger for a share of new leads, then the champion.</summary>
    Staged,
}

/// <summary>What a new model must show before it takes the champion's place. Margins decide; targets, which the data may not allow, warn unless told otherwise.</summary>
public sealed record GateSettings
{
    /// <summary>Whether a model that passes becomes the champion by itself. Default true.</summary>
    public bool AutoDeploy { get; init; } = true;

    /// <summary>How: at_once (default) or staged.</summary>
    public Deployment Deploy { get; init; }

    /// <summary>Staged: share of new leads for the challenger. Default 0.5; 0.05 to 0.95.</summary>
    public double StagedShare { get; init; } = 0.5;

    /// <summary>Staged: conversion rate that the challenger may lose and still become the champion. Default 0.02; 0 to 1. The shadow may lose <see cref="LossMargin"/>.</summary>
    public double StagedMargin { get; init; } = 0.02;

    /// <summary>Staged: most weeks of each stage; then the champion stays. Default 52; 1 to 520.</summary>
    public int StagedWeeks { get; init; } = 52;

    /// <summary>Fewest leads of each class to learn from. Default 10; 10 to 1,000,000.</summary>
    public int FewestPerClass { get; init; } = EnsembleTrainer.FewestPerClass;

    /// <summary>Log loss that may be lost against the champion on the newest leads, nats a lead. Default 0.01; 0 to 1.</summary>
    public double LossMargin { get; init; } = 0.01;

    /// <summary>Calibration error that may be lost. Default 0.02; 0 to 1.</summary>
    public double CalibrationMargin { get; init; } = 0.02;

    /// <summary>Calibration that may be lost in one large segment. Default 0.05; 0 to 1.</summary>
    public double SegmentMargin { get; init; } = 0.05;

    /// <summary>By how much the largest gap in mean score / 100 between groups of people may grow. Default 0.05; 0 to 1.</summary>
    public double BiasMargin { get; init; } = 0.05;

    /// <summary>Out-of-fold AUC that may be lost against the champion's own training. Default 0.1; 0 to 0.5.</summary>
    public double LearnedMargin { get; init; } = 0.1;

    /// <summary>Share of the leads that the champion learned from that must still have an outcome. Default 0.8; 0 to 1.</summary>
    public double KeptShare { get; init; } = 0.8;

    /// <summary>Target for the area under the ROC curve. Default 0.85.</summary>
    public double TargetAuc { get; init; } = 0.85;

    /// <summary>Target for the share of grade A that converts. Default 0.8.</summary>
    public double TargetGradeAPrecision { get; init; } = 0.8;

    /// <summary>Target for recall at the best threshold. Default 0.75.</summary>
    public double TargetRecall { get; init; } = 0.75;

    /// <summary>Target for F1 at the best threshold. Default 0.78.</summary>
    public double TargetF1 { get; init; } = 0.78;

    /// <summary>Target for the standard deviation of the scores, points. Default 15.</summary>
    public double TargetScoreStd { get; init; } = 15;

    /// <summary>Target for the correlation of score and outcome. Default 0.6.</summary>
    public double TargetPearson { get; init; } = 0.6;

    /// <summary>Most that the weekly mean score may vary, as a coefficient of variation. Default 0.15.</summary>
    public double TargetWeeklyVariation { get; init; } = Metrics.WeeklyStability.Target;

    /// <summary>Most that mean scores / 100 of groups of people may differ. Default 0.1.</summary>
    public double TargetBias { get; init; } = Fairness.GroupComparison.Limit;

    /// <summary>Names of targets that block instead of warning. Default none.</summary>
    public IReadOnlyList<string> BlockingTargets { get; init; } = [];

    /// <summary>Names of gates that are left out. Default none.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <exception cref="ArgumentException">A setting is out of range, or a name is no gate; the message names it.</exception>
    public void Validate()
    {
        if (FewestPerClass is < EnsembleTrainer.FewestPerClass or > 1_000_000) throw new ArgumentException($"fewest_per_class {FewestPerClass} is not in {EnsembleTrainer.FewestPerClass}..1,000,000");
        foreach (var (name, value, most) in new[]
        {
            ("loss_margin", LossMargin, 1.0), ("calibration_margin", CalibrationMargin, 1), ("segment_margin", SegmentMargin, 1), ("bias_margin", BiasMargin, 1), ("learned_margin", LearnedMargin, 0.5),
            ("kept_share", KeptShare, 1), ("target_auc", TargetAuc, 1), ("target_grade_a_precision", TargetGradeAPrecision, 1), ("target_recall", TargetRecall, 1), ("target_f1", TargetF1, 1),
            ("target_score_std", TargetScoreStd, 50), ("target_pearson", TargetPearson, 1), ("target_weekly_variation", TargetWeeklyVariation, 10), ("target_bias", TargetBias, 1), ("staged_margin", StagedMargin, 1),
        })
        {
            if (!(value >= 0 && value <= most)) throw new ArgumentException($"{name} {value} is not in 0..{most}");
        }

        if (!(StagedShare is >= 0.05 and <= 0.95)) throw new ArgumentException($"staged_share {StagedShare} is not in 0.05..0.95");
        if (StagedWeeks is < 1 or > 520) throw new ArgumentException($"staged_weeks {StagedWeeks} is not in 1..520");
        foreach (var name in BlockingTargets)
        {
            if (!PromotionGates.Targets.Contains(name)) throw new ArgumentException($"blocking_targets: there is no target '{name}'. Targets are {string.Join(", ", PromotionGates.Targets)}");
        }

        foreach (var name in LeftOut)
        {
            if (!PromotionGates.All.Contains(name)) throw new ArgumentException($"left_out: there is no gate '{name}'. Gates are {string.Join(", ", PromotionGates.All)}");
        }
    }
}
