namespace LeadScoring.Ml.Features;

/// <summary>How feature values become columns of numbers. All shares and quantiles in [0, 1].</summary>
public sealed record EncodingSettings
{
    /// <summary>Lower winsorization quantile. Default 0.01.</summary>
    public double WinsorizeLower { get; init; } = 0.01;

    /// <summary>Upper winsorization quantile. Default 0.99.</summary>
    public double WinsorizeUpper { get; init; } = 0.99;

    /// <summary>Up to this many levels are one-hot encoded, more are target encoded. Default 200: decision record 8 has the figures and how they were come by.</summary>
    public int MaxOneHotLevels { get; init; } = 200;

    /// <summary>A level seen fewer times in training falls into the bucket "other". Default 10.</summary>
    public int MinLevelCount { get; init; } = 10;

    /// <summary>Trees also get the log-odds of conversion (out-of-fold for training rows) and the log-count of each level, beside one-hot columns of three levels or more. Default false; auto tries both.</summary>
    public bool LevelStatistics { get; init; }

    /// <summary>Weight, in rows, of the overall rate in a target encoding. Default 20.</summary>
    public double TargetSmoothing { get; init; } = 20;

    /// <summary>Folds within the training rows for out-of-fold target encoding. Default 5.</summary>
    public int TargetFolds { get; init; } = 5;

    /// <summary>A missing indicator is added where missingness and outcome depend on each other at this p-value (chi-squared). Default 0.05.</summary>
    public double MissingPValue { get; init; } = 0.05;

    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        if (!(WinsorizeLower >= 0 && WinsorizeLower < WinsorizeUpper && WinsorizeUpper <= 1))
            throw new ArgumentException($"winsorize_lower {WinsorizeLower} and winsorize_upper {WinsorizeUpper} must satisfy 0 <= lower < upper <= 1");
        if (MaxOneHotLevels is < 1 or > 1000) throw new ArgumentException($"max_one_hot_levels {MaxOneHotLevels} is not in 1..1000");
        if (MinLevelCount < 1) throw new ArgumentException($"min_level_count {MinLevelCount} must be at least 1");
        if (!(TargetSmoothing >= 0 && double.IsFinite(TargetSmoothing))) throw new ArgumentException($"target_smoothing {TargetSmoothing} must be 0 or more");
        if (TargetFolds is < 2 or > 50) throw new ArgumentException($"target_folds {TargetFolds} is not in 2..50");
        if (!(MissingPValue is >= 0 and <= 1)) throw new ArgumentException($"missing_p_value {MissingPValue} is not in 0..1");
    }
}
