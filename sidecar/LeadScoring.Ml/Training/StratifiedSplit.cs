namespace LeadScoring.Ml.Training;

/// <summary>Seeded splits that keep the share of conversions.</summary>
public static class StratifiedSplit
{
    /// <summary>Fold of each of the given rows, 0 to folds - 1; classes are dealt out evenly.</summary>
    /// <param name="labels">1 or 0 for each row of the table.</param>
    /// <param name="rows">Rows to deal out.</param>
    /// <param name="folds">At least 2.</param>
    /// <param name="seed">Seed.</param>
    public static int[] Folds(float[] labels, int[] rows, int folds, int seed)
    {
        var fold = new int[rows.Length];
        var next = 0;
        foreach (var label in (float[])[0f, 1f])
        {
            var members = Enumerable.Range(0, rows.Length).Where(i => labels[rows[i]] == label).ToArray();
            new Random(seed + (int)label).Shuffle(members);
            // Going on where the other class stopped keeps the folds' sizes within one of each other.
            foreach (var i in members) fold[i] = next++ % folds;
        }

        return fold;
    }

    /// <summary>Training and test rows of a table, both in ascending order; of each class the test share, rounded. Rows without weight are on neither side.</summary>
    internal static (int[] Train, int[] Test) TrainTest(TrainingSet set, double testShare, int seed)
    {
        if (set.Weights is null) return TrainTest(set.Labels, testShare, seed);
        var rows = set.UsableRows;
        var (train, test) = TrainTest(Array.ConvertAll(rows, r => set.Labels[r]), testShare, seed);
        return (Array.ConvertAll(train, i => rows[i]), Array.ConvertAll(test, i => rows[i]));
    }

    /// <summary>Training and test rows, both in ascending order; of each class the test share, rounded.</summary>
    public static (int[] Train, int[] Test) TrainTest(float[] labels, double testShare, int seed)
    {
        var test = new bool[labels.Length];
        foreach (var label in (float[])[0f, 1f])
        {
            var members = Enumerable.Range(0, labels.Length).Where(r => labels[r] == label).ToArray();
            new Random(seed + (int)label).Shuffle(members);
            foreach (var r in members.Take((int)Math.Round(members.Length * testShare))) test[r] = true;
        }

        return ([.. Enumerable.Range(0, labels.Length).Where(r => !test[r])], [.. Enumerable.Range(0, labels.Length).Where(r => test[r])]);
    }
}
