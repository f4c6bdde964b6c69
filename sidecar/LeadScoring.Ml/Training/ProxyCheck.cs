using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Training;

/// <summary>Whether the features of a model give a sensitive attribute away that it was not given: leaving an attribute out helps little where others stand for it.</summary>
/// <remarks>Each feature alone by its AUC for each group against the rest; all together by an L2 regression in 3-fold cross-validation.</remarks>
internal static class ProxyCheck
{
    private const int MaxRows = 4_000;
    private const int MaxGroups = 6;
    private const int Folds = 3;
    private const int Shown = 5;

    /// <param name="set">Rows with the features of the model.</param>
    /// <param name="rows">Rows to look at; at most 4,000 of them.</param>
    /// <param name="groups">Group of each row of the table; null where unknown.</param>
    /// <param name="skip">The attribute itself, where it is a feature.</param>
    /// <param name="fewestRows">Fewest rows of a group.</param>
    /// <param name="settings">Encoding and seed.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static (ProxyFinding[] Single, ProxyFinding? Together) Of(
        TrainingSet set, int[] rows, string?[] groups, string skip, int fewestRows, TrainingSettings settings, CancellationToken cancellationToken)
    {
        int[] known = [.. rows.Where(r => groups[r] is not null)];
        new Random(settings.Seed).Shuffle(known);
        known = known[..Math.Min(MaxRows, known.Length)];
        string[] names = [.. known.GroupBy(r => groups[r]!, StringComparer.Ordinal).Where(g => g.Count() >= Math.Min(fewestRows, 50)).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Take(MaxGroups).Select(g => g.Key)];
        // Of two groups one says all.
        var asked = names.Length == 2 && names.Sum(n => known.Count(r => groups[r] == n)) == known.Length ? names[..1] : names;
        if (names.Length < 2) return ([], null);
        var rest = set.Profile.IndexOf(skip) < 0 ? set : set.WithFeatures(set.Profile.Without(new HashSet<string> { skip }));
        if (rest.Profile.Features.Count == 0) return ([], null);
        var single = new List<ProxyFinding>();
        ProxyFinding? together = null;
        foreach (var name in asked)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var isMember = Array.ConvertAll(known, r => groups[r] == name ? 1f : 0f);
            for (var f = 0; f < rest.Profile.Features.Count; f++)
            {
                var column = Array.ConvertAll(known, r => rest.Row(r)[f]);
                single.Add(new ProxyFinding(rest.Profile.Features[f].Name, name, LeakLinter.Single(rest.Profile.Features[f], column, isMember, settings)));
            }

            var auc = CrossValidated(rest, known, groups, name, settings, cancellationToken);
            if (together is null || auc > together.Auc) together = new ProxyFinding("all", name, auc);
        }

        return ([.. single.GroupBy(p => p.Feature, StringComparer.Ordinal).Select(g => g.MaxBy(p => p.Auc)!).OrderByDescending(p => p.Auc).ThenBy(p => p.Feature, StringComparer.Ordinal).Take(Shown)], together);
    }

    private static double CrossValidated(TrainingSet set, int[] rows, string?[] groups, string name, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var isMember = new float[set.Rows];
        foreach (var row in rows) isMember[row] = groups[row] == name ? 1 : 0;
        var fold = StratifiedSplit.Folds(isMember, rows, Folds, settings.Seed);
        var predicted = new double[rows.Length];
        for (var k = 0; k < Folds; k++)
        {
            int[] fit = [.. rows.Where((_, i) => fold[i] != k)];
            var encoded = PreprocessorFit.Fit(set.Profile, set.Values, isMember, fit, settings.Encoding, settings.Seed);
            var columns = encoded.Preprocessor.DenseColumns.Count;
            var regression = LogisticRegressionTrainer.Train(
                encoded.Dense, columns, Array.ConvertAll(fit, r => isMember[r]), default, new LogisticRegressionParameters { C = 0.1, Tolerance = 1e-6 }, cancellationToken);
            var tree = new float[encoded.Preprocessor.TreeColumns.Count];
            var dense = new float[columns];
            for (var i = 0; i < rows.Length; i++)
            {
                if (fold[i] != k) continue;
                encoded.Preprocessor.Encode(set.Row(rows[i]), tree, dense);
                predicted[i] = regression.Probability(dense);
            }
        }

        // Below 0.5 it says nothing.
        return Math.Max(0.5, RankingQuality.RocAuc(predicted, Array.ConvertAll(rows, r => isMember[r])));
    }
}
