using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Training;

/// <summary>Labelled rows for a training.</summary>
public sealed class TrainingSet
{
    /// <param name="profile">Features; their order is that of the values.</param>
    /// <param name="values">Feature values, row-major (rows, features).</param>
    /// <param name="labels">1 = converted, 0 = not. Length rows.</param>
    /// <param name="asOfMs">Moment that each row is as of, Unix ms; null when rows carry no time. Length rows.</param>
    /// <param name="weights">How many leads each row stands for, finite and at least 0; rows of weight 0 are neither trained nor tested on. Null for all 1. Length rows.</param>
    /// <exception cref="ArgumentException">Lengths do not fit, a label is not 0 or 1, or a weight is negative or not finite.</exception>
    public TrainingSet(FeatureProfile profile, FeatureValue[] values, float[] labels, long[]? asOfMs = null, float[]? weights = null)
    {
        if (values.Length != (long)labels.Length * profile.Features.Count)
            throw new ArgumentException($"{values.Length} values do not make {labels.Length} rows of {profile.Features.Count} features", nameof(values));
        var bad = Array.FindIndex(labels, y => y is not (0f or 1f));
        if (bad >= 0) throw new ArgumentException($"label of row {bad} is {labels[bad]}, not 0 or 1", nameof(labels));
        if (asOfMs is not null && asOfMs.Length != labels.Length) throw new ArgumentException($"{asOfMs.Length} moments do not fit {labels.Length} rows", nameof(asOfMs));
        if (weights is not null && weights.Length != labels.Length) throw new ArgumentException($"{weights.Length} weights do not fit {labels.Length} rows", nameof(weights));
        var off = weights is null ? -1 : Array.FindIndex(weights, w => !(w >= 0 && float.IsFinite(w)));
        if (off >= 0) throw new ArgumentException($"weight of row {off} is {weights![off]}, not a finite number of at least 0", nameof(weights));
        (Profile, Values, Labels, AsOfMs, Weights) = (profile, values, labels, asOfMs, weights);
    }

    /// <summary>Features in order.</summary>
    public FeatureProfile Profile { get; }

    /// <summary>Row-major (rows, features).</summary>
    public FeatureValue[] Values { get; }

    /// <summary>1 or 0. Length rows.</summary>
    public float[] Labels { get; }

    /// <summary>Moment that each row is as of, Unix ms; null when rows carry no time. Length rows.</summary>
    public long[]? AsOfMs { get; }

    /// <summary>How many leads each row stands for; null when each stands for itself. Length rows.</summary>
    public float[]? Weights { get; }

    /// <summary>Rows to train and test on, ascending: those of a weight.</summary>
    public int[] UsableRows => [.. Enumerable.Range(0, Rows).Where(r => Weights is null || Weights[r] > 0)];

    /// <summary>Weights of some rows, in their order; empty when each row stands for itself, as all fits and metrics take it.</summary>
    /// <param name="rows">Positions.</param>
    public float[] WeightsOf(int[] rows) => Weights is { } weights ? Array.ConvertAll(rows, r => weights[r]) : [];

    /// <summary>Number of rows.</summary>
    public int Rows => Labels.Length;

    /// <summary>Values of one row, in the profile's order.</summary>
    public ReadOnlySpan<FeatureValue> Row(int row) => Values.AsSpan(row * Profile.Features.Count, Profile.Features.Count);

    /// <summary>The same rows with other features (a subset of this profile's, by name).</summary>
    public TrainingSet WithFeatures(FeatureProfile subset)
    {
        var from = subset.Features.Select(f => Profile.IndexOf(f.Name)).ToArray();
        int width = Profile.Features.Count, narrow = from.Length;
        var values = new FeatureValue[(long)Rows * narrow];
        for (var r = 0; r < Rows; r++)
        {
            for (var f = 0; f < narrow; f++) values[(r * narrow) + f] = Values[(r * width) + from[f]];
        }

        return new TrainingSet(subset, values, Labels, AsOfMs, Weights);
    }
}

/// <summary>A training that cannot be done with these data or on this machine; the message says what to do.</summary>
public sealed class TrainingException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>How far a training is.</summary>
/// <param name="Stage">What is being done, for people.</param>
/// <param name="Fraction">0 to 1, never falling.</param>
public readonly record struct TrainingProgress(string Stage, double Fraction);
