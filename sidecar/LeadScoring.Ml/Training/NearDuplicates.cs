namespace LeadScoring.Ml.Training;

/// <summary>The same people on both sides of a split: a test on them is a test of memory.</summary>
/// <param name="Basis">person: same e-mail, phone or name. features: equal values in all features, which strangers may have too.</param>
/// <param name="TestRows">Test rows with a twin in training.</param>
/// <param name="Moved">Rows moved to the other side, or left out of training, so that no person is on both.</param>
/// <param name="RocAucWithout">AUC of the test rows without those that still have a twin; NaN when none has, or one class is left.</param>
/// <param name="LogLossWithout">Their log loss.</param>
public sealed record TwinReport(string Basis, int TestRows, int Moved, double RocAucWithout, double LogLossWithout);

/// <summary>Finds twins and keeps them on one side.</summary>
public static class NearDuplicates
{
    /// <summary>Puts all rows of a person on the side of his first row.</summary>
    /// <param name="train">Training rows.</param>
    /// <param name="test">Test rows.</param>
    /// <param name="people">Person of each row of the table; null where unknown.</param>
    /// <returns>Both sides in ascending order, and how many rows changed theirs.</returns>
    public static (int[] Train, int[] Test, int Moved) OneSide(int[] train, int[] test, string?[] people)
    {
        var isTest = test.ToHashSet();
        var side = new Dictionary<string, bool>(StringComparer.Ordinal);
        var moved = 0;
        int[] all = [.. train.Concat(test).Order()];
        foreach (var row in all)
        {
            if (people[row] is not { } person) continue;
            if (side.TryAdd(person, isTest.Contains(row)) || side[person] == isTest.Contains(row)) continue;
            if (!isTest.Remove(row)) isTest.Add(row);
            moved++;
        }

        return ([.. all.Where(r => !isTest.Contains(r))], [.. all.Where(isTest.Contains)], moved);
    }

    /// <summary>Training rows without the people of the test: forward in time a twin cannot go to the other side, as it is older.</summary>
    public static (int[] Train, int Moved) WithoutPeopleOf(int[] train, int[] test, string?[] people)
    {
        var tested = test.Select(r => people[r]).OfType<string>().ToHashSet(StringComparer.Ordinal);
        int[] kept = [.. train.Where(r => people[r] is not { } person || !tested.Contains(person))];
        return (kept, train.Length - kept.Length);
    }

    /// <summary>Test rows whose feature values all occur in one training row. Rows that know next to nothing (fewer than half of the features) do not count.</summary>
    /// <returns>Positions within <paramref name="test"/>.</returns>
    public static int[] EqualRows(TrainingSet set, int[] train, int[] test)
    {
        bool Knows(int row)
        {
            var known = 0;
            foreach (var value in set.Row(row)) known += value.IsMissing ? 0 : 1;
            return 2 * known >= set.Profile.Features.Count;
        }

        var seen = new Dictionary<int, List<int>>();
        foreach (var row in train.Where(Knows))
        {
            if (!seen.TryGetValue(Hash(set, row), out var rows)) seen[Hash(set, row)] = rows = [];
            rows.Add(row);
        }

        return [.. Enumerable.Range(0, test.Length).Where(i => Knows(test[i]) && seen.TryGetValue(Hash(set, test[i]), out var rows) && rows.Exists(r => Same(set, r, test[i])))];
    }

    private static int Hash(TrainingSet set, int row)
    {
        var hash = new HashCode();
        foreach (var value in set.Row(row)) hash.Add(value.IsMissing ? -1 : value.Level is { } level ? level.GetHashCode(StringComparison.Ordinal) : value.Number.GetHashCode());
        return hash.ToHashCode();
    }

    private static bool Same(TrainingSet set, int one, int other)
    {
        var a = set.Row(one);
        var b = set.Row(other);
        for (var f = 0; f < a.Length; f++)
        {
            if (a[f].IsMissing != b[f].IsMissing || a[f].Level != b[f].Level || (a[f].Level is null && !a[f].IsMissing && a[f].Number != b[f].Number)) return false;
        }

        return true;
    }
}
