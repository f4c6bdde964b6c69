using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Training;

/// <summary>One fold of a search, encoded once for all trials: rows to fit on, and rows held out.</summary>
internal sealed record FoldRows(
    float[] Tree, float[] HeldOutTree, int TreeColumns, float[] Dense, float[] HeldOutDense, int DenseColumns, float[] Labels, float[] HeldOutLabels, float[] Weights, float[] HeldOutWeights)
{
    /// <summary>Encodes all folds. The preprocessor of each is fitted on its own rows only.</summary>
    internal static FoldRows[] Of(TrainingSet set, int[] rows, int folds, int seed, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var fold = StratifiedSplit.Folds(set.Labels, rows, folds, seed);
        var encoded = new FoldRows[folds];
        Candidate.InParallel(Enumerable.Range(0, folds), settings, cancellationToken, k =>
        {
            int[] own = [.. rows.Where((_, i) => fold[i] != k)], heldOut = [.. rows.Where((_, i) => fold[i] == k)];
            var fit = PreprocessorFit.Fit(set.Profile, set.Values, set.Labels, own, settings.Encoding, seed);
            int tree = fit.Preprocessor.TreeColumns.Count, dense = fit.Preprocessor.DenseColumns.Count;
            float[] heldOutTree = new float[heldOut.Length * tree], heldOutDense = new float[heldOut.Length * dense];
            for (var i = 0; i < heldOut.Length; i++)
                fit.Preprocessor.Encode(set.Row(heldOut[i]), heldOutTree.AsSpan(i * tree, tree), heldOutDense.AsSpan(i * dense, dense));
            encoded[k] = new FoldRows(
                fit.Tree, heldOutTree, tree, fit.Dense, heldOutDense, dense, Array.ConvertAll(own, r => set.Labels[r]), Array.ConvertAll(heldOut, r => set.Labels[r]),
                set.WeightsOf(own), set.WeightsOf(heldOut));
        });
        return encoded;
    }
}
