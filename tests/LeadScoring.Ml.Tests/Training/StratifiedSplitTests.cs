using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class StratifiedSplitTests
{
    [Theory]
    [InlineData(100, 30, 0.2)]
    [InlineData(101, 7, 0.25)]
    [InlineData(57, 56, 0.5)]
    public void TrainTest_AnyShare_IsDisjointCompleteAndKeepsTheShareOfConversions(int rows, int positives, double share)
    {
        var labels = Labels(rows, positives);
        var (train, test) = StratifiedSplit.TrainTest(labels, share, 1);
        Assert.Equal(Enumerable.Range(0, rows), train.Concat(test).Order());
        Assert.Equal((int)Math.Round(positives * share), test.Count(r => labels[r] == 1));
        Assert.Equal((int)Math.Round((rows - positives) * share), test.Count(r => labels[r] == 0));
        Assert.Equal(train.Order(), train);
        Assert.Equal(test.Order(), test);
    }

    [Fact]
    public void TrainTest_Seed_DecidesAlone()
    {
        var labels = Labels(200, 60);
        Assert.Equal(StratifiedSplit.TrainTest(labels, 0.2, 7).Test, StratifiedSplit.TrainTest(labels, 0.2, 7).Test);
        Assert.NotEqual(StratifiedSplit.TrainTest(labels, 0.2, 7).Test, StratifiedSplit.TrainTest(labels, 0.2, 8).Test);
    }

    [Theory]
    [InlineData(103, 11, 5)]
    [InlineData(40, 20, 20)]
    [InlineData(17, 3, 2)]
    public void Folds_Any_AreEvenInSizeAndInClass(int rows, int positives, int folds)
    {
        var labels = Labels(rows, positives);
        int[] used = [.. Enumerable.Range(0, rows).Reverse()];
        var fold = StratifiedSplit.Folds(labels, used, folds, 3);
        Assert.All(fold, f => Assert.InRange(f, 0, folds - 1));
        var sizes = Enumerable.Range(0, folds).Select(k => fold.Count(f => f == k)).ToArray();
        Assert.InRange(sizes.Max() - sizes.Min(), 0, 1);
        foreach (var label in (float[])[0, 1])
        {
            var share = Enumerable.Range(0, folds).Select(k => fold.Where((f, i) => f == k && labels[used[i]] == label).Count()).ToArray();
            Assert.InRange(share.Max() - share.Min(), 0, 1);
        }

        Assert.Equal(fold, StratifiedSplit.Folds(labels, used, folds, 3));
        if (rows > 20) Assert.NotEqual(fold, StratifiedSplit.Folds(labels, used, folds, 4));
    }

    private static float[] Labels(int rows, int positives) => [.. Enumerable.Range(0, rows).Select(r => (r * 31) % rows < positives ? 1f : 0)];
}
