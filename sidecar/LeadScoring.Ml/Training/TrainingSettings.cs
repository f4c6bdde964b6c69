using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>Everything that can be set about a training. The defaults are the product's promise; each organization may change them.</summary>
public sealed record TrainingSettings
{
    /// <summary>XGBoost: depth 6, rate 0.1, 200 rounds.</summary>
    public XGBoostParameters GradientBoosting { get; init; } = XGBoostParameters.GradientBoosting;

    /// <summary>Random forest: 100 trees, depth 10.</summary>
    public XGBoostParameters RandomForest { get; init; } = XGBoostParameters.RandomForest;

    /// <summary>Network: 64-32-16, ReLU.</summary>
    public NetworkParameters Network { get; init; } = new();

    /// <summary>Regression: L2.</summary>
    public LogisticRegressionParameters Regression { get; init; } = new();

    /// <summary>0.4, 0.3, 0.2, 0.1.</summary>
    public EnsembleWeights Weights { get; init; } = new();

    /// <summary>How values become columns.</summary>
    public EncodingSettings Encoding { get; init; } = new();

    /// <summary>Folds of the cross-validation. Default 5; 2 to 20.</summary>
    public int Folds { get; init; } = 5;

    /// <summary>Share of rows held back for the test. Default 0.2; 0.01 to 0.9.</summary>
    public double TestShare { get; init; } = 0.2;

    /// <summary>Seed of every random choice; it replaces the seeds of the tree members. Default 42.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>spec (default) trains the members as given; auto searches for better ones and keeps them if they are.</summary>
    public TuningMode Tuning { get; init; }

    /// <summary>
    /// What the search of auto may cost. Default 10 minutes; 1 second to 24 hours. Counted in work, not time, so that the same seed gives the same model
    /// on any machine; the time itself is only a last stop, and the report says when it was needed.
    /// </summary>
    public TimeSpan TuningBudget { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Most parameter sets of the primary member that auto tries. Default 24; 1 to 500.</summary>
    public int TuningTrials { get; init; } = 24;

    /// <summary>Keep features that alone nearly decide the outcome. Default false.</summary>
    public bool AllowLeaks { get; init; }

    /// <summary>Fits that run at the same time; 0 = one a core. Default 0.</summary>
    public int Parallelism { get; init; }

    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public void Validate()
    {
        GradientBoosting.Validate();
        RandomForest.Validate();
        Network.Validate();
        Regression.Validate();
        Weights.Validate();
        Encoding.Validate();
        // Members of a squared error give numbers outside 0..1, which are no probabilities.
        if (GradientBoosting.Objective == "reg:squarederror")
            throw new ArgumentException("Objective of gradient_boosting must be binary:logistic or reg:logistic, as the ensemble averages probabilities");
        // One round of averaged trees gives means of labels, shrunk to the base rate: inside (0, 1). More rounds, or no shrinkage at all, need not.
        if (RandomForest is { Objective: "reg:squarederror" } forest && (forest.Rounds > 1 || forest.Lambda == 0 || forest.BaseScore is <= 0 or >= 1))
            throw new ArgumentException("Objective reg:squarederror of random_forest needs rounds 1, lambda above 0 and base_score null or inside 0..1: else its averages are no probabilities");
        if (TuningBudget < TimeSpan.FromSeconds(1) || TuningBudget > TimeSpan.FromHours(24)) throw new ArgumentException($"tuning_budget {TuningBudget} is not in 00:00:01..1.00:00:00");
        if (TuningTrials is < 1 or > 500) throw new ArgumentException($"tuning_trials {TuningTrials} is not in 1..500");
        if (!Enum.IsDefined(Tuning)) throw new ArgumentException($"tuning {Tuning} is not spec or auto");
        if (Seed < 0) throw new ArgumentException($"seed {Seed} must be 0 or more");
        if (Folds is < 2 or > 20) throw new ArgumentException($"folds {Folds} is not in 2..20");
        if (!(TestShare is >= 0.01 and <= 0.9)) throw new ArgumentException($"test_share {TestShare} is not in 0.01..0.9");
        if (Parallelism is < 0 or > 256) throw new ArgumentException($"parallelism {Parallelism} is not in 0..256");
    }
}
