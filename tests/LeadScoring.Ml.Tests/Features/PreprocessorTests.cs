using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class PreprocessorTests
{
    private static readonly FeatureProfile Number = ShippedProfiles.Of("  - name: x\n");
    private static readonly FeatureProfile Level = ShippedProfiles.Of("  - { name: x, kind: categorical }\n");

    [Fact]
    public void Fit_OneTo101_WinsorizesAtTheFirstAndLastPercentile()
    {
        // Values 0..100: the 1 % quantile is 1, the 99 % quantile 99, the median 50; bounded mean 50.
        var p = Fit(Number, [.. Enumerable.Range(0, 101).Select(i => Num(i))]).Preprocessor;
        var deviation = Math.Sqrt(Enumerable.Range(0, 101).Select(i => Math.Clamp(i, 1, 99)).Average(v => (v - 50.0) * (v - 50)));
        Assert.Equal(((99 - 50) / deviation, 1000), Encode(p, Num(1000)), Near);
        Assert.Equal(((1 - 50) / deviation, -7), Encode(p, Num(-7)), Near);
        Assert.Equal(((60 - 50) / deviation, 60), Encode(p, Num(60)), Near);
        var (dense, tree) = Encode(p, FeatureValue.Missing);
        Assert.Equal((0, true), (dense, double.IsNaN(tree)));
    }

    [Fact]
    public void Fit_WinsorizeQuantiles_AreInterpolated()
    {
        var settings = new EncodingSettings { WinsorizeLower = 0.25, WinsorizeUpper = 0.5 };
        var encoder = (NumericEncoder)Fit(Number, [Num(10), Num(0), Num(30), Num(20)], settings: settings).Preprocessor.Encoders[0];
        Assert.Equal((7.5, 15.0), (encoder.Low, encoder.High));
        Assert.Equal(15, encoder.Fill);
    }

    [Fact]
    public void Fit_MissingNumbers_AreFilledWithTheMedian()
    {
        var encoder = (NumericEncoder)Fit(Number, [Num(1), Num(2), Num(6), FeatureValue.Missing, FeatureValue.Missing],
            settings: new EncodingSettings { WinsorizeLower = 0, WinsorizeUpper = 1 }).Preprocessor.Encoders[0];
        Assert.Equal(2, encoder.Fill);
        Assert.Equal((1 + 2 + 6 + 2 + 2) / 5.0, encoder.Mean, 12);
        Assert.False(encoder.MissingIndicator);
    }

    [Fact]
    public void Fit_NearlyConstant_KeepsItsWholeRange()
    {
        var column = Enumerable.Repeat(Num(0), 999).Append(Num(5)).ToArray();
        var encoder = (NumericEncoder)Fit(Number, column).Preprocessor.Encoders[0];
        Assert.Equal((0.0, 5.0), (encoder.Low, encoder.High));
        Assert.True(encoder.InverseDeviation > 0);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(double.NaN)]
    public void Fit_ConstantOrAllMissing_IsZeroInDenseRows(double value)
    {
        var p = Fit(Number, [.. Enumerable.Repeat(new FeatureValue(value, null), 50)]).Preprocessor;
        Assert.Equal(0, Encode(p, Num(123)).Dense);
        Assert.Equal(0, Encode(p, FeatureValue.Missing).Dense);
        Assert.Equal(123, Encode(p, Num(123)).Tree);
    }

    [Fact]
    public void Fit_MissingnessThatInforms_GetsAnIndicatorAndElseNot()
    {
        FeatureValue[] column = [.. Enumerable.Range(0, 200).Select(i => i % 4 == 0 ? FeatureValue.Missing : Num(i))];
        float[] tells = [.. Enumerable.Range(0, 200).Select(i => i % 4 == 0 ? 1f : 0)];
        // Of the missing 50, 25 convert; of the rest 75 of 150: no dependence at all.
        float[] silent = [.. Enumerable.Range(0, 200).Select(i => i / 4 % 2 == 0 ? 1f : 0)];
        var informed = Fit(Number, column, tells).Preprocessor;
        Assert.Equal(["x", "x=missing"], informed.DenseColumns.Select(c => c.Name));
        Assert.Equal(["x"], informed.TreeColumns.Select(c => c.Name));
        var row = new float[2];
        informed.Encode([FeatureValue.Missing], new float[1], row);
        Assert.Equal(1, row[1]);
        informed.Encode([Num(1)], new float[1], row);
        Assert.Equal(0, row[1]);
        Assert.Equal(["x"], Fit(Number, column, silent).Preprocessor.DenseColumns.Select(c => c.Name));
        Assert.Equal(["x"], Fit(Number, column, tells, new EncodingSettings { MissingPValue = 0 }).Preprocessor.DenseColumns.Select(c => c.Name));
    }

    [Fact]
    public void Fit_FewLevels_AreOneHotByFrequencyWithAnOtherBucket()
    {
        FeatureValue[] column = [.. Levels("b", 12), .. Levels("a", 30), .. Levels("rare", 9), .. Levels("odd", 2)];
        var p = Fit(Level, column).Preprocessor;
        Assert.Equal(["x=a", "x=b", "x=other"], p.TreeColumns.Select(c => c.Name));
        Assert.Equal([1f, 0, 0], EncodeAll(p, Lev("a")).Tree);
        Assert.Equal([0f, 0, 1], EncodeAll(p, Lev("rare")).Tree);
        Assert.Equal([0f, 0, 1], EncodeAll(p, Lev("never seen")).Dense);
        Assert.Equal([1f, 0, 0], EncodeAll(p, FeatureValue.Missing).Dense); // the mode
        Assert.All(EncodeAll(p, FeatureValue.Missing).Tree, v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void Fit_NoRareLevel_UnknownIsNoneOfThem()
    {
        var p = Fit(Level, [.. Levels("a", 20), .. Levels("b", 20)]).Preprocessor;
        Assert.Equal(["x=a", "x=b"], p.TreeColumns.Select(c => c.Name));
        Assert.Equal([0f, 0], EncodeAll(p, Lev("c")).Tree);
        Assert.Equal([0f, 0], EncodeAll(p, Lev("c")).Dense);
    }

    [Fact]
    public void Fit_MostlyRareLevels_ModeIsOther()
    {
        FeatureValue[] column = [.. Levels("a", 10), .. Levels("b", 9), .. Levels("c", 9)];
        Assert.Equal([0f, 1], EncodeAll(Fit(Level, column).Preprocessor, FeatureValue.Missing).Dense);
    }

    [Fact]
    public void Fit_AllLevelsMissing_StillEncodesEverything()
    {
        var p = Fit(Level, [.. Enumerable.Repeat(FeatureValue.Missing, 30)]).Preprocessor;
        Assert.Equal([1f], EncodeAll(p, Lev("a")).Dense);
        Assert.Equal([1f], EncodeAll(p, FeatureValue.Missing).Dense);
    }

    [Fact]
    public void Fit_MoreLevelsThanOneHot_AreTargetEncodedWithSmoothedLogOdds()
    {
        // Level k has 10 rows, of which k / 2 convert: 100 conversions in 210 rows.
        FeatureValue[] column = [.. Enumerable.Range(0, 21).SelectMany(k => Levels($"l{k:00}", 10))];
        float[] y = [.. Enumerable.Range(0, 21).SelectMany(k => Enumerable.Range(0, 10).Select(i => i < k / 2 ? 1f : 0))];
        var p = Fit(Level, column, y, new EncodingSettings { MaxOneHotLevels = 20 }).Preprocessor;
        Assert.Equal(["x=log-odds", "x=log-count"], p.TreeColumns.Select(c => c.Name));
        var overall = (y.Sum() + 0.5) / 211;
        double Expected(double positives, double rows)
        {
            var rate = (positives + (20 * overall)) / (rows + 20);
            return Math.Log(rate / (1 - rate));
        }

        Assert.Equal(Expected(10, 10), EncodeAll(p, Lev("l20")).Tree[0], 5);
        Assert.Equal(Math.Log(11), EncodeAll(p, Lev("l20")).Tree[1], 5);
        Assert.Equal(Expected(0, 0), EncodeAll(p, Lev("never seen")).Tree[0], 5);
        Assert.Equal(0, EncodeAll(p, Lev("never seen")).Tree[1]);
        Assert.Equal(Expected(0, 0), EncodeAll(p, FeatureValue.Missing).Tree[0], 5);
        Assert.Equal(["x=l00"], Fit(Level, [.. column.Take(10)]).Preprocessor.TreeColumns.Select(c => c.Name));
    }

    [Fact]
    public void Fit_FlippingARowsOwnLabel_LeavesItsOwnEncodingAlone()
    {
        var random = new Random(5);
        FeatureValue[] column = [.. Enumerable.Range(0, 400).Select(_ => random.Next(20) == 0 ? FeatureValue.Missing : Lev($"l{random.Next(40)}"))];
        float[] y = [.. Enumerable.Range(0, 400).Select(_ => (float)random.Next(2))];
        var settings = new EncodingSettings { MaxOneHotLevels = 20 };
        var before = Fit(Level, column, y, settings);
        var othersMoved = 0;
        for (var row = 0; row < 400; row += 7)
        {
            var flipped = (float[])y.Clone();
            flipped[row] = 1 - flipped[row];
            var after = Fit(Level, column, flipped, settings);
            Assert.Equal(before.Tree.AsSpan(row * 2, 2).ToArray(), after.Tree.AsSpan(row * 2, 2).ToArray());
            if (!before.Tree.AsSpan().SequenceEqual(after.Tree)) othersMoved++;
        }

        Assert.True(othersMoved > 50, "the labels of the others must matter");
    }

    [Fact]
    public void Fit_LevelStatistics_GiveTreesLogOddsAndCountBesideOneHot()
    {
        FeatureValue[] column = [.. Levels("a", 40), .. Levels("b", 30), .. Levels("c", 20), .. Levels("rare", 5), .. Enumerable.Repeat(FeatureValue.Missing, 25)];
        float[] y = [.. column.Select((v, i) => v.Level == "b" || i % 4 == 0 ? 1f : 0)];
        var plain = Fit(Level, column, y).Preprocessor;
        var with = Fit(Level, column, y, Statistics).Preprocessor;
        var target = Fit(Level, column, y, new EncodingSettings { MaxOneHotLevels = 1 }).Preprocessor;
        Assert.Equal([.. plain.TreeColumns, .. target.TreeColumns], with.TreeColumns);
        Assert.Equal(plain.DenseColumns, with.DenseColumns);
        foreach (var value in (FeatureValue[])[Lev("a"), Lev("b"), Lev("rare"), Lev("never seen"), FeatureValue.Missing])
        {
            var (tree, dense) = EncodeAll(with, value);
            Assert.Equal([.. EncodeAll(plain, value).Tree, .. EncodeAll(target, value).Tree], tree);
            Assert.Equal(EncodeAll(plain, value).Dense, dense);
        }

        // Five rows are too few to be told by name: no more is known of them than of what was never there.
        Assert.Equal(EncodeAll(target, Lev("never seen")).Tree, EncodeAll(target, Lev("rare")).Tree);
        Assert.NotEqual(EncodeAll(target, Lev("never seen")).Tree, EncodeAll(target, Lev("c")).Tree);
    }

    [Fact]
    public void Fit_LevelStatisticsOfTwoLevels_AddNothing()
    {
        FeatureValue[] column = [.. Levels("a", 40), .. Levels("b", 30), FeatureValue.Missing];
        Assert.Equal(["x=a", "x=b"], Fit(Level, [.. column.Take(70)], settings: Statistics).Preprocessor.TreeColumns.Select(c => c.Name));
        Assert.Equal(["x=a", "x=b"], Fit(Level, column, settings: Statistics).Preprocessor.TreeColumns.Select(c => c.Name));
    }

    [Fact]
    public void Fit_LevelStatistics_RowsDoNotSeeTheirOwnLabel()
    {
        var random = new Random(6);
        FeatureValue[] column = [.. Enumerable.Range(0, 300).Select(_ => random.Next(20) == 0 ? FeatureValue.Missing : Lev($"l{random.Next(8)}"))];
        float[] y = [.. Enumerable.Range(0, 300).Select(_ => (float)random.Next(2))];
        var before = Fit(Level, column, y, Statistics);
        int width = before.Preprocessor.TreeColumns.Count, othersMoved = 0;
        for (var row = 0; row < 300; row += 7)
        {
            var flipped = (float[])y.Clone();
            flipped[row] = 1 - flipped[row];
            var after = Fit(Level, column, flipped, Statistics);
            Assert.Equal(before.Tree.AsSpan(row * width, width).ToArray(), after.Tree.AsSpan(row * width, width).ToArray());
            if (!before.Tree.AsSpan().SequenceEqual(after.Tree)) othersMoved++;
        }

        Assert.True(othersMoved > 40, "the labels of the others must matter");
    }

    [Fact]
    public void Fit_RowsNotGiven_HaveNoInfluence()
    {
        var profile = ShippedProfiles.Of("  - name: n\n  - { name: c, kind: categorical }\n");
        var random = new Random(9);
        var values = new FeatureValue[400];
        var y = new float[200];
        for (var r = 0; r < 200; r++)
            (values[2 * r], values[(2 * r) + 1], y[r]) = (Num(random.NextDouble()), Lev($"l{random.Next(30)}"), random.Next(2));
        int[] rows = [.. Enumerable.Range(0, 200).Where(r => r % 3 != 0)];
        var before = PreprocessorFit.Fit(profile, values, y, rows, new EncodingSettings(), 42);
        for (var r = 0; r < 200; r += 3)
            (values[2 * r], values[(2 * r) + 1], y[r]) = (Num(1e9), Lev("intruder"), 1);
        var after = PreprocessorFit.Fit(profile, values, y, rows, new EncodingSettings(), 42);
        Assert.Equal(before.Tree, after.Tree);
        Assert.Equal(before.Dense, after.Dense);
        FeatureValue[] probe = [Num(0.3), Lev("l3")];
        Assert.Equal(EncodeAll(before.Preprocessor, probe), EncodeAll(after.Preprocessor, probe), (a, b) => a.Tree.SequenceEqual(b.Tree) && a.Dense.SequenceEqual(b.Dense));
    }

    [Fact]
    public void Encode_HostileNumbers_DenseIsFiniteAndTreeNeverInfinite()
    {
        double[] hostile =
        [
            0, -0.0, 1, -1, 1e-310, double.Epsilon, 1e38, -1e38, 3.4e38, 1e154, 1e200, 1e308, -1e308, double.MaxValue, double.MinValue,
            double.PositiveInfinity, double.NegativeInfinity, double.NaN,
        ];
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var palette = Enumerable.Range(0, random.Next(1, 4)).Select(_ => hostile[random.Next(hostile.Length)]).ToArray();
            FeatureValue[] column = [.. Enumerable.Range(0, 60).Select(_ => Num(palette[random.Next(palette.Length)]))];
            float[] y = [.. column.Select(_ => (float)random.Next(2))];
            var fit = Fit(Number, column, y);
            Assert.All(fit.Dense, v => Assert.True(float.IsFinite(v), $"seed {seed}"));
            Assert.All(fit.Tree, v => Assert.False(float.IsInfinity(v), $"seed {seed}"));
            foreach (var number in hostile)
            {
                var (tree, dense) = EncodeAll(fit.Preprocessor, Num(number));
                Assert.All(dense, v => Assert.True(float.IsFinite(v), $"seed {seed}, {number}"));
                Assert.All(tree, v => Assert.False(float.IsInfinity(v), $"seed {seed}, {number}"));
            }
        }
    }

    [Fact]
    public void Encode_WrongLengths_NameThem()
    {
        var p = Fit(Number, [Num(1), Num(2)]).Preprocessor;
        Assert.Equal("values", Assert.Throws<ArgumentException>(() => p.Encode([], new float[1], new float[1])).ParamName);
        Assert.Equal("tree", Assert.Throws<ArgumentException>(() => p.Encode([Num(1)], new float[2], new float[1])).ParamName);
        Assert.Equal("dense", Assert.Throws<ArgumentException>(() => p.Encode([Num(1)], new float[1], [])).ParamName);
    }

    [Fact]
    public void Fit_NoRows_Throws() =>
        Assert.Throws<ArgumentException>(() => PreprocessorFit.Fit(Number, [Num(1)], [1], [], new EncodingSettings(), 0));

    private static readonly EncodingSettings Statistics = new() { LevelStatistics = true };

    private static FeatureValue Num(double value) => new(value, null);

    private static FeatureValue Lev(string level) => new(double.NaN, level);

    private static IEnumerable<FeatureValue> Levels(string level, int count) => Enumerable.Repeat(Lev(level), count);

    private static PreprocessorFit.Result Fit(FeatureProfile profile, FeatureValue[] column, float[]? y = null, EncodingSettings? settings = null) =>
        PreprocessorFit.Fit(profile, column, y ?? [.. column.Select((_, i) => (float)(i % 2))], [.. Enumerable.Range(0, column.Length)], settings ?? new EncodingSettings(), 42);

    private static (double Dense, double Tree) Encode(Preprocessor p, FeatureValue value)
    {
        var (tree, dense) = EncodeAll(p, value);
        return (dense[0], tree[0]);
    }

    private static (float[] Tree, float[] Dense) EncodeAll(Preprocessor p, params FeatureValue[] values)
    {
        float[] tree = new float[p.TreeColumns.Count], dense = new float[p.DenseColumns.Count];
        p.Encode(values, tree, dense);
        return (tree, dense);
    }

    private static bool Near((double, double) a, (double, double) b) => Math.Abs(a.Item1 - b.Item1) < 1e-5 && Math.Abs(a.Item2 - b.Item2) < 1e-5;
}
