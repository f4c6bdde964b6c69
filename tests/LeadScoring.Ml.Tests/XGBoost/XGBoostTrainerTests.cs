using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.XGBoost;

public sealed class XGBoostTrainerTests
{
    private static readonly XGBoostParameters Small = new() { Rounds = 20, MaxDepth = 4, Subsample = 0.7, ColumnSampleByNode = 0.5, Seed = 3 };

    [NativeXGBoostFact]
    public void Train_SameSeedTwice_SameBytes()
    {
        var (rows, labels) = SyntheticLeads.Make(1_000, 1);

        var first = XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], Small);

        Assert.Equal(first, XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], Small));
        Assert.NotEqual(first, XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], Small with { Seed = 4 }));
    }

    [NativeXGBoostFact]
    public void Train_SeveralThreadsAtOnce_SameBytesAsOneAfterAnother()
    {
        var (rows, labels) = SyntheticLeads.Make(1_000, 2);
        byte[] TrainSeed(int seed) => XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], Small with { Seed = seed });
        var expected = Enumerable.Range(0, 16).Select(TrainSeed).ToArray();

        var actual = new byte[16][];
        var threads = Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (var seed = t; seed < 16; seed += 4)
                actual[seed] = TrainSeed(seed);
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();

        for (var seed = 0; seed < 16; seed++)
            Assert.Equal(expected[seed], actual[seed]);
    }

    [NativeXGBoostFact]
    public void Train_CallbackSaysStop_ReturnsTheRoundsDone()
    {
        var (rows, labels) = SyntheticLeads.Make(500, 3);
        var seen = new List<int>();

        var model = XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], Small, round =>
        {
            seen.Add(round);
            return round < 5;
        });

        Assert.Equal([1, 2, 3, 4, 5], seen);
        Assert.Equal(5, TreeEnsemble.FromXGBoostJson(model).TreeCount);
    }

    [NativeXGBoostFact]
    public void Train_Cancelled_ThrowsBeforeTheNextRound()
    {
        var (rows, labels) = SyntheticLeads.Make(500, 4);
        using var source = new CancellationTokenSource();
        var rounds = 0;

        Assert.Throws<OperationCanceledException>(() => XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], Small, round =>
        {
            rounds = round;
            if (round == 3)
                source.Cancel();
            return true;
        }, cancellationToken: source.Token));

        Assert.Equal(3, rounds);
    }

    [NativeXGBoostFact]
    public void Train_ValidationStopsImproving_KeepsOnlyTheBestRounds()
    {
        var (rows, labels) = SyntheticLeads.Make(300, 5);
        var (heldOut, heldOutLabels) = SyntheticLeads.Make(300, 6);
        var parameters = new XGBoostParameters { Rounds = 300, MaxDepth = 6, LearningRate = 0.5 };
        var last = 0;

        var model = TreeEnsemble.FromXGBoostJson(XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], parameters, round =>
        {
            last = round;
            return true;
        }, new XGBoostValidation(heldOut, heldOutLabels, 10)));

        Assert.InRange(last, 11, 299);
        Assert.Equal(last - 10, model.TreeCount);
        var all = TreeEnsemble.FromXGBoostJson(XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], parameters with { Rounds = last }));
        var losses = Enumerable.Range(1, last).Select(rounds => LogLoss(all, rounds, heldOut, heldOutLabels)).ToArray();
        Assert.Equal(losses.Min(), losses[model.TreeCount - 1], 6);
    }

    [NativeXGBoostFact]
    public void Train_WeightZero_IsAsIfTheRowWereAbsent()
    {
        var (rows, labels) = SyntheticLeads.Make(600, 7);
        var weights = labels.Select(label => label == 1 ? 1f : 0f).ToArray();
        var parameters = Small with { Rounds = 3, Subsample = null };

        var onlyPositive = TreeEnsemble.FromXGBoostJson(XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, weights, parameters));
        var both = TreeEnsemble.FromXGBoostJson(XGBoostTrainer.Train(rows, SyntheticLeads.Columns, labels, [], parameters));

        var row = rows.AsSpan(0, SyntheticLeads.Columns);
        Assert.All(onlyPositive.Trees, tree => Assert.Equal(0, tree.Depth));
        Assert.True(onlyPositive.Margin(row) > both.Margin(row));
    }

    [NativeXGBoostFact]
    public void Train_MonotoneConstraint_MarginNeverFalls()
    {
        var (rows, labels) = SyntheticLeads.Make(2_000, 8);
        var constraints = new int[SyntheticLeads.Columns];
        constraints[9] = 1;

        var model = TreeEnsemble.FromXGBoostJson(XGBoostTrainer.Train(
            rows, SyntheticLeads.Columns, labels, [], new XGBoostParameters { Rounds = 40, MonotoneConstraints = [.. constraints] }));

        for (var i = 0; i < 50; i++)
        {
            var row = rows.AsSpan(i * SyntheticLeads.Columns, SyntheticLeads.Columns).ToArray();
            var margins = Enumerable.Range(-4, 9).Select(value =>
            {
                row[9] = value;
                return model.Margin(row);
            }).ToArray();
            Assert.Equal(margins.Order(), margins);
        }
    }

    [Fact]
    public void Train_InfiniteValue_NamesRowAndColumn()
    {
        var exception = Assert.Throws<ArgumentException>(() => XGBoostTrainer.Train([0, 1, 2, float.NegativeInfinity], 2, [0, 1], [], Small));

        Assert.Contains("Row 1, column 1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_ShapesThatDisagree_AreRefusedBeforeNativeCode()
    {
        Refused("rows", () => XGBoostTrainer.Train([], 2, [], [], Small));
        Refused("rows", () => XGBoostTrainer.Train([1, 2, 3], 2, [0], [], Small));
        Refused("columnCount", () => XGBoostTrainer.Train([1, 2], 0, [0], [], Small));
        Refused("labels", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0], [], Small));
        Refused("labels", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 2], [], Small));
        Refused("labels", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, float.NaN], [], Small));
        Refused("weights", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [1], Small));
        Refused("weights", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [1, -1], Small));
        Refused("weights", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [0, 0], Small));
        Refused("MonotoneConstraints", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [], Small with { MonotoneConstraints = [1] }));
        Refused("Rounds", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [], Small with { Rounds = -1 }));
        Refused("validation", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [], Small, null, new XGBoostValidation([1, 2], [0], 0)));
        Refused("validation", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [], Small, null, new XGBoostValidation([1, 2, 3], [0], 5)));
        Refused("validation", () => XGBoostTrainer.Train([1, 2, 3, 4], 2, [0, 1], [], Small, null, new XGBoostValidation([1, 2], [7], 5)));

        static void Refused(string name, Action train) => Assert.Equal(name, Assert.Throws<ArgumentException>(train).ParamName);
    }

    private static double LogLoss(TreeEnsemble model, int rounds, float[] rows, float[] labels)
    {
        var loss = 0.0;
        for (var i = 0; i < labels.Length; i++)
        {
            var row = rows.AsSpan(i * SyntheticLeads.Columns, SyntheticLeads.Columns);
            var margin = model.BaseMargin;
            foreach (var tree in model.Trees.AsSpan(0, rounds))
                margin += tree.Values[tree.FindLeaf(row)];
            var p = model.Probability(margin);
            loss -= Math.Log(labels[i] == 1 ? p : 1 - p);
        }

        return loss / labels.Length;
    }
}
