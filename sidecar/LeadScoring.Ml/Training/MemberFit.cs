using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>Preprocessing and the four members, fitted on one set of rows.</summary>
internal sealed class MemberFit
{
    private MemberFit(Preprocessor preprocessor, byte[] boostingJson, byte[] forestJson, FeedForwardNetwork network, LogisticRegression regression, float[] denseBaseline)
    {
        (Preprocessor, GradientBoostingJson, RandomForestJson, Network, Regression) = (preprocessor, boostingJson, forestJson, network, regression);
        DenseBaseline = denseBaseline;
        GradientBoosting = TreeEnsemble.FromXGBoostJson(boostingJson);
        RandomForest = TreeEnsemble.FromXGBoostJson(forestJson);
    }

    internal Preprocessor Preprocessor { get; }

    internal byte[] GradientBoostingJson { get; }

    internal byte[] RandomForestJson { get; }

    internal TreeEnsemble GradientBoosting { get; }

    internal TreeEnsemble RandomForest { get; }

    internal FeedForwardNetwork Network { get; }

    internal LogisticRegression Regression { get; }

    /// <summary>Mean dense row of the training rows.</summary>
    internal float[] DenseBaseline { get; }

    /// <param name="set">The table.</param>
    /// <param name="rows">Rows to fit on; both classes occur.</param>
    /// <param name="settings">How.</param>
    /// <param name="report">Gets the share of this fit that was done since the last call, and the trees grown in it.</param>
    /// <param name="cancellationToken">Cancels between rounds and epochs.</param>
    internal static MemberFit Fit(TrainingSet set, int[] rows, TrainingSettings settings, Action<double, int> report, CancellationToken cancellationToken)
    {
        var encoded = PreprocessorFit.Fit(set.Profile, set.Values, set.Labels, rows, settings.Encoding, settings.Seed);
        return Fit(set, rows, encoded, null, null, settings, report, cancellationToken);
    }

    /// <summary>The same around tree members that were trained elsewhere on columns of the same preprocessor; null ones are fitted here.</summary>
    internal static MemberFit Fit(
        TrainingSet set, int[] rows, PreprocessorFit.Result encoded, byte[]? boostingJson, byte[]? forestJson, TrainingSettings settings, Action<double, int> report, CancellationToken cancellationToken)
    {
        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        var weights = set.WeightsOf(rows);
        int treeColumns = encoded.Preprocessor.TreeColumns.Count, denseColumns = encoded.Preprocessor.DenseColumns.Count;

        // Shares of the work as measured on 80,000 rows: forest 0.5, boosting 0.35, network 0.12, regression 0.03.
        var boosting = boostingJson ?? XGBoostTrainer.Train(encoded.Tree, treeColumns, labels, weights, settings.GradientBoosting with { Seed = settings.Seed },
            _ => Tick(report, 0.35 / settings.GradientBoosting.Rounds, settings.GradientBoosting.ParallelTrees), cancellationToken: cancellationToken);
        var forest = forestJson ?? XGBoostTrainer.Train(encoded.Tree, treeColumns, labels, weights, Forest(settings.RandomForest, labels, weights) with { Seed = settings.Seed },
            _ => Tick(report, 0.5 / settings.RandomForest.Rounds, settings.RandomForest.ParallelTrees), cancellationToken: cancellationToken);
        var network = NetworkTrainer.Train(encoded.Dense, denseColumns, labels, settings.Seed, weights, settings.Network, cancellationToken: cancellationToken);
        report(0.12, 0);
        var regression = LogisticRegressionTrainer.Train(encoded.Dense, denseColumns, labels, weights, settings.Regression, cancellationToken);
        report(0.03, 0);
        return new MemberFit(encoded.Preprocessor, boosting, forest, network, regression, Means(encoded.Dense, denseColumns));
    }

    /// <summary>A forest of means starts at the base rate, so that what shrinks a leaf pulls it there and not to 0.5.</summary>
    internal static XGBoostParameters Forest(XGBoostParameters parameters, float[] labels, float[] weights) =>
        parameters.Objective == "reg:squarederror" && parameters.BaseScore is null ? parameters with { BaseScore = weights.Length == 0 ? labels.Average() : (float)EffortWeights.Mean(labels, weights) } : parameters;

    private static float[] Means(float[] rows, int columns)
    {
        var sums = new double[columns];
        for (var i = 0; i < rows.Length; i++) sums[i % columns] += rows[i];
        return Array.ConvertAll(sums, s => (float)(s / (rows.Length / columns)));
    }

    /// <summary>Member probabilities of the given rows: [member][position in rows].</summary>
    internal double[][] Predict(TrainingSet set, int[] rows)
    {
        var predictions = new double[EnsembleModel.Members][];
        for (var m = 0; m < predictions.Length; m++) predictions[m] = new double[rows.Length];
        var tree = new float[Preprocessor.TreeColumns.Count];
        var dense = new float[Preprocessor.DenseColumns.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            Preprocessor.Encode(set.Row(rows[i]), tree, dense);
            predictions[(int)Member.GradientBoosting][i] = GradientBoosting.Probability(GradientBoosting.Margin(tree));
            predictions[(int)Member.RandomForest][i] = Math.Clamp(RandomForest.Probability(RandomForest.Margin(tree)), 0, 1);
            predictions[(int)Member.Network][i] = Network.Probability(dense);
            predictions[(int)Member.Regression][i] = Regression.Probability(dense);
        }

        return predictions;
    }

    private static bool Tick(Action<double, int> report, double share, int trees)
    {
        report(share, trees);
        return true;
    }
}
