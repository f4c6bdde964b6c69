using System.Text.Json;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Bundles;

/// <summary>What a bundle holds and where it comes from.</summary>
public sealed record BundleManifest
{
    /// <summary>How the manifest is written.</summary>
    public static JsonSerializerOptions Json => BundleParts.Json;

    /// <summary>Version of the format that this program writes.</summary>
    public const int CurrentFormat = 3;

    /// <summary>Oldest version that it reads. Format 2 has no counted cells and no reference of the predictions: drift cannot be tested against it, all else is as it was.</summary>
    public const int OldestFormat = 2;

    /// <summary>Format version.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>When it was trained, Unix ms.</summary>
    public long TrainedAtMs { get; init; }

    /// <summary>Profile name.</summary>
    public required string Profile { get; init; }

    /// <summary>SHA-256 of the profile's text.</summary>
    public required string ProfileHash { get; init; }

    /// <summary>Features of the profile that the model does not use: they give the outcome away, name the lead, or are excluded.</summary>
    public IReadOnlyList<string> LeftOutFeatures { get; init; } = [];

    /// <summary>First moment that training rows are as of, Unix ms; null when rows carry no time.</summary>
    public long? WindowFromMs { get; init; }

    /// <summary>Last such moment, Unix ms.</summary>
    public long? WindowToMs { get; init; }

    /// <summary>Rows trained on.</summary>
    public int TrainRows { get; init; }

    /// <summary>Rows tested on.</summary>
    public int TestRows { get; init; }

    /// <summary>Wall time of the training in seconds.</summary>
    public double TrainingSeconds { get; init; }

    /// <summary>All settings, seed included.</summary>
    public required TrainingSettings Settings { get; init; }

    /// <summary>What the search for better settings found, and which members the model has; null when there was none and they are those of <see cref="Settings"/>.</summary>
    public TuningReport? Tuning { get; init; }

    /// <summary>Tree members that were trained outside of this program; their <see cref="Settings"/> here say nothing. Empty for most models.</summary>
    public IReadOnlyList<string> TrainedElsewhere { get; init; } = [];

    /// <summary>Metrics out-of-fold on the training rows; on leads that were held back where members were trained elsewhere.</summary>
    public EvaluationReport? OutOfFold { get; init; }

    /// <summary>Metrics on the test rows.</summary>
    public EvaluationReport? Test { get; init; }

    /// <summary>Leak findings.</summary>
    public IReadOnlyList<LeakFinding> Leaks { get; init; } = [];

    /// <summary>What the model is worth, stratified and forward in time; null in bundles from before it was measured.</summary>
    public ModelEvaluation? Evaluation { get; init; }

    /// <summary>How it treats groups of people; null likewise.</summary>
    public FairnessReport? Fairness { get; init; }

    /// <summary>Anchor that the training's newest rows ask for; null likewise. The one in force may be newer: see the model's state.</summary>
    public Anchor? Anchor { get; init; }

    /// <summary>Library name to version.</summary>
    public IReadOnlyDictionary<string, string> Libraries { get; init; } = new Dictionary<string, string>();

    /// <summary>SHA-256 (lower hex) of every other entry of the zip.</summary>
    public IReadOnlyDictionary<string, string> Checksums { get; init; } = new Dictionary<string, string>();
}

/// <summary>A bundle that cannot be used; the message says why.</summary>
public sealed class BundleException(string message, Exception? inner = null) : Exception(message, inner);
