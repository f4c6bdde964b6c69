using System.Buffers;
using System.Runtime.Intrinsics;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Ensemble;

/// <summary>The trained ensemble: probability = isotonic(weighted average of four members). Immutable, thread-safe, no native code.</summary>
public sealed partial class EnsembleModel
{
    /// <summary>Number of members.</summary>
    public const int Members = 4;

    private const int MaxStackFloats = 1024;

    private readonly ForestPair trees;
    private readonly int treeColumns, denseColumns;   // asked once: an array behind an interface is slow to say its length

    /// <exception cref="ArgumentException">The parts do not fit each other.</exception>
    public EnsembleModel(
        FeatureProfile profile, Preprocessor preprocessor, TreeEnsemble gradientBoosting, TreeEnsemble randomForest, FeedForwardNetwork network,
        LogisticRegression regression, EnsembleWeights weights, IsotonicCalibrator calibrator, IsotonicCalibrator primaryCalibrator, ScoreCertainty certainty,
        float[] denseBaseline)
    {
        weights.Validate();
        Check(preprocessor.TreeColumns.Count, gradientBoosting.FeatureCount, "gradient boosting");
        Check(preprocessor.TreeColumns.Count, randomForest.FeatureCount, "random forest");
        Check(preprocessor.DenseColumns.Count, network.Inputs, "network");
        Check(preprocessor.DenseColumns.Count, regression.Coefficients.Length, "regression");
        Check(preprocessor.DenseColumns.Count, denseBaseline.Length, "dense baseline");
        Check(ConfidenceModel.Signals, certainty.Confidence.Regression.Coefficients.Length, "confidence");
        Check(ConfidenceModel.Signals, certainty.PrimaryConfidence.Regression.Coefficients.Length, "confidence of the primary member");
        (Profile, Preprocessor, GradientBoosting, RandomForest, Network, Regression) = (profile, preprocessor, gradientBoosting, randomForest, network, regression);
        (Weights, Calibrator, PrimaryCalibrator, Certainty) = (weights, calibrator, primaryCalibrator, certainty);
        if (Array.Exists(denseBaseline, x => !(Math.Abs(x) <= FeatureEncoder.MaxDense))) throw new ArgumentException("the dense baseline is not finite, or has values that no lead has");
        CheckRange(network, regression);
        DenseBaseline = denseBaseline;
        Extractor = new FeatureExtractor(profile);
        trees = new ForestPair(gradientBoosting, randomForest);
        (treeColumns, denseColumns) = (preprocessor.TreeColumns.Count, preprocessor.DenseColumns.Count);
    }

    /// <summary>Whatever the lead, no sum inside network and regression may leave the range of its numbers: infinity less infinity would be no score.</summary>
    private static void CheckRange(FeedForwardNetwork network, LogisticRegression regression)
    {
        var bound = FeatureEncoder.MaxDense;
        foreach (var layer in network.Layers)
        {
            var largest = 0.0;
            for (var output = 0; output < layer.Outputs; output++)
            {
                var sum = 0.0;
                for (var i = output; i < layer.Weights.Length; i += layer.Outputs) sum += Math.Abs(layer.Weights[i]);
                largest = Math.Max(largest, (bound * sum) + Math.Abs(layer.Biases[output]));
            }

            bound = Math.Max(largest, float.Epsilon);
            if (bound > float.MaxValue / 4) throw new ArgumentException("the network's weights are so large that a score could be no number");
        }

        var margin = Math.Abs(regression.Intercept);
        foreach (var coefficient in regression.Coefficients) margin += FeatureEncoder.MaxDense * Math.Abs(coefficient);
        if (!(margin < double.MaxValue / 4)) throw new ArgumentException("the regression's coefficients are so large that a score could be no number");
    }

    /// <summary>What leads are described by.</summary>
    public FeatureProfile Profile { get; }

    /// <summary>Turns leads into the values that scoring takes.</summary>
    public FeatureExtractor Extractor { get; }

    /// <summary>Fitted preprocessing.</summary>
    public Preprocessor Preprocessor { get; }

    /// <summary>The primary member.</summary>
    public TreeEnsemble GradientBoosting { get; }

    /// <summary>The forest.</summary>
    public TreeEnsemble RandomForest { get; }

    /// <summary>The network.</summary>
    public FeedForwardNetwork Network { get; }

    /// <summary>The regression.</summary>
    public LogisticRegression Regression { get; }

    /// <summary>Shares of the members.</summary>
    public EnsembleWeights Weights { get; }

    /// <summary>Average to probability.</summary>
    public IsotonicCalibrator Calibrator { get; }

    /// <summary>Probability of the primary member alone to calibrated probability.</summary>
    public IsotonicCalibrator PrimaryCalibrator { get; }

    /// <summary>Calibrated probability to that of the present; the identity unless <see cref="WithAnchor"/> gave another.</summary>
    public Anchor Anchor { get; private set; } = Anchor.Identity;

    /// <summary>How sure a score is: confidence and intervals, of the ensemble and of the primary member alone.</summary>
    public ScoreCertainty Certainty { get; }

    /// <summary>Mean dense row of the training leads: what contributions of network and regression are measured from. Length: dense columns.</summary>
    public ReadOnlyMemory<float> DenseBaseline { get; }

    /// <summary>The same model with its probabilities moved to the present; the order of leads stays.</summary>
    /// <exception cref="ArgumentException">The anchor is not valid.</exception>
    public EnsembleModel WithAnchor(Anchor anchor)
    {
        anchor.Validate();
        var anchored = (EnsembleModel)MemberwiseClone();
        anchored.Anchor = anchor;
        return anchored;
    }

    /// <summary>The calibrated and anchored probability of a weighted average.</summary>
    /// <param name="average">Weighted average of the members' probabilities, not NaN.</param>
    public double Calibrate(double average) => Anchor.Apply(Calibrator.Apply(average));

    /// <summary>Scores one lead with all members. Allocates nothing.</summary>
    /// <param name="values">One value a feature, in the profile's order.</param>
    public LeadScore Score(ReadOnlySpan<FeatureValue> values)
    {
        Span<double> members = stackalloc double[Members];
        return Score(values, members);
    }

    /// <summary>Scores one lead and also gives the members' own probabilities.</summary>
    /// <param name="values">One value a feature, in the profile's order.</param>
    /// <param name="members">Receives probabilities in the order of <see cref="Member"/>. Length 4.</param>
    public LeadScore Score(ReadOnlySpan<FeatureValue> values, Span<double> members)
    {
        int t = treeColumns, d = denseColumns;
        var rented = t + d > MaxStackFloats ? ArrayPool<float>.Shared.Rent(t + d) : null;
        Span<float> row = rented is null ? stackalloc float[t + d] : rented.AsSpan(0, t + d);
        Preprocessor.Encode(values, row[..t], row[t..]);
        MemberProbabilities(row[..t], row[t..], members);
        if (rented is not null) ArrayPool<float>.Shared.Return(rented);
        LeadScore score = default;
        Combine(
            Vector256.Create(members[0]), Vector256.Create(members[1]), Vector256.Create(members[2]), Vector256.Create(members[3]), values, new Span<LeadScore>(ref score));
        return score;
    }

    /// <summary>Scores one lead with the primary member, its own isotonic map and its own confidence only.</summary>
    public LeadScore QuickScore(ReadOnlySpan<FeatureValue> values)
    {
        int t = treeColumns, d = denseColumns;
        var rented = t + d > MaxStackFloats ? ArrayPool<float>.Shared.Rent(t + d) : null;
        Span<float> row = rented is null ? stackalloc float[t + d] : rented.AsSpan(0, t + d);
        Preprocessor.Encode(values, row[..t], row[t..]);
        var margin = GradientBoosting.Margin(row[..t]);
        var primary = GradientBoosting.IsLogistic ? Logistic.Sigmoid(margin) : margin;
        if (rented is not null) ArrayPool<float>.Shared.Return(rented);
        var probability = Anchor.Apply(PrimaryCalibrator.Apply(primary));
        return new LeadScore(probability, Certainty.PrimaryConfidence.Confidence(probability, [primary], KnownShare(values)));
    }

    /// <summary>Member probabilities of one encoded lead.</summary>
    /// <param name="tree">Tree row.</param>
    /// <param name="dense">Dense row.</param>
    /// <param name="members">Receives probabilities in the order of <see cref="Member"/>. Length 4.</param>
    public void MemberProbabilities(ReadOnlySpan<float> tree, ReadOnlySpan<float> dense, Span<double> members)
    {
        var (boosting, forest) = trees.Margin(tree);
        // In the order of Member.
        Logistic.Sigmoid(Vector256.Create(boosting, forest, Network.Margin(dense), Regression.Margin(dense))).CopyTo(members);
        if (!GradientBoosting.IsLogistic) members[(int)Member.GradientBoosting] = boosting;
        if (!RandomForest.IsLogistic) members[(int)Member.RandomForest] = forest;
    }

    /// <summary>Share of features with a value, 0 to 1.</summary>
    public static double KnownShare(ReadOnlySpan<FeatureValue> values)
    {
        var known = 0;
        // Not IsMissing: which features are missing is hard for a processor to foresee, so there is no branch.
        foreach (ref readonly var value in values) known += (value.Number == value.Number | value.Level is not null) ? 1 : 0;
        return values.Length == 0 ? 0 : known / (double)values.Length;
    }

    private static void Check(int columns, int expected, string member)
    {
        if (columns != expected) throw new ArgumentException($"the {member} takes {expected} columns, the preprocessor makes {columns}");
    }
}
