using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>What a search for better settings did and found.</summary>
public sealed record TuningReport
{
    /// <summary>Whether the model is the tuned one; false = that of the settings as given, which was at least as good.</summary>
    public required bool IsTuned { get; init; }

    /// <summary>Log loss of the settings as given: out-of-fold, calibrated by the other folds. Nats a lead.</summary>
    public required double SpecLogLoss { get; init; }

    /// <summary>The same of the tuned settings; their weights, too, come from the other folds.</summary>
    public required double TunedLogLoss { get; init; }

    /// <summary>Parameter sets that were tried, over all members.</summary>
    public required int Trials { get; init; }

    /// <summary>Parameter sets that the search had planned.</summary>
    public required int PlannedTrials { get; init; }

    /// <summary>Rows that the search looked at.</summary>
    public required int SearchRows { get; init; }

    /// <summary>Null when the search went to its end; otherwise why it did not, and whether the result can be repeated.</summary>
    public string? StoppedEarly { get; init; }

    /// <summary>False when the clock stopped the search: another run may then give another model.</summary>
    public required bool IsReproducible { get; init; }

    /// <summary>Whether trees do better with the log-odds and count of levels beside one-hot columns (level_statistics of the encoding).</summary>
    public bool LevelStatistics { get; init; }

    /// <summary>Best found for the primary member.</summary>
    public required XGBoostParameters GradientBoosting { get; init; }

    /// <summary>Best found for the forest.</summary>
    public required XGBoostParameters RandomForest { get; init; }

    /// <summary>Best found for the network.</summary>
    public required NetworkParameters Network { get; init; }

    /// <summary>Best found for the regression.</summary>
    public required LogisticRegressionParameters Regression { get; init; }

    /// <summary>Fitted weights of the tuned members; they sum to 1.</summary>
    public required EnsembleWeights Weights { get; init; }

    /// <summary>The settings that the model was fitted with in the end, to be fitted again without another search.</summary>
    /// <param name="asked">Settings as given.</param>
    public TrainingSettings Used(TrainingSettings asked) => IsTuned
        ? asked with { Tuning = TuningMode.Spec, Encoding = asked.Encoding with { LevelStatistics = LevelStatistics }, GradientBoosting = GradientBoosting, RandomForest = RandomForest, Network = Network, Regression = Regression, Weights = Weights }
        : asked with { Tuning = TuningMode.Spec };
}
