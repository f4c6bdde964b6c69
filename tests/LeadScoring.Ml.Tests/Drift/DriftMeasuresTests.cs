using LeadScoring.Ml.Drift;

namespace LeadScoring.Ml.Tests.Drift;

/// <summary>Reference values: SciPy 1.10.1, of the samples that have these counts at the values 1, 2, 4 and 8.</summary>
public sealed class DriftMeasuresTests
{
    private static readonly int[] Before = [30, 50, 15, 5];
    private static readonly int[] Now = [10, 20, 15, 15];

    [Fact]
    public void KolmogorovSmirnov_Counts_IsThatOfScipy() => Assert.Equal(0.3, DriftMeasures.KolmogorovSmirnov(Before, Now), 12);

    [Fact]
    public void Wasserstein_Counts_IsThatOfScipy() => Assert.Equal(1.5333333333333332, DriftMeasures.Wasserstein([1, 2, 4, 8], [.. Before, 0], [.. Now, 0]), 12);

    [Fact]
    public void JensenShannon_Counts_IsThatOfScipySquared() => Assert.Equal(0.0876470314551614, DriftMeasures.JensenShannon(Before, Now), 12);

    /// <summary>Expanded to single rows, equation 6 of Scholz and Stephens summed by hand in Python: the value below.</summary>
    [Fact]
    public void AndersonDarling_Counts_IsTheFormula() => Assert.Equal(10.333044733044733, DriftMeasures.AndersonDarling(Before, Now), 9);

    [Fact]
    public void Psi_Counts_IsTheFormula() => Assert.Equal(0.48968572946283045, DriftMeasures.Psi(Before, Now), 12);

    [Fact]
    public void Distances_SameShares_AreNothing()
    {
        Assert.Equal(0, DriftMeasures.KolmogorovSmirnov([10, 30], [1, 3]));
        Assert.Equal(0, DriftMeasures.JensenShannon([10, 30], [1, 3]), 12);
        Assert.Equal(1, DriftMeasures.JensenShannon([10, 0], [0, 3]), 12);
        Assert.True(double.IsNaN(DriftMeasures.Psi([0, 0], [1, 3])));
        Assert.Throws<ArgumentException>(() => DriftMeasures.Psi([1], [1, 3]));
    }

    /// <summary>With two cells the deals follow the hypergeometric law: 20 or more, or 2 or fewer, of 30 among 60 of 160 (SciPy).</summary>
    [Fact]
    public void PermutationPValue_TwoCells_IsThatOfTheHypergeometricLaw()
    {
        var p = PermutationTest.PValue([90, 10], [40, 20], DriftMeasures.KolmogorovSmirnov, 1e-5, 7);
        // Twenty deals as far out as this: the error of the estimate is a fifth.
        Assert.InRange(p, 0.0003653852247540981 * 0.6, 0.0003653852247540981 * 1.6);
    }

    [Fact]
    public void PermutationPValue_NoDrift_IsUniform()
    {
        var random = new Random(5);
        int Below(double level, int runs)
        {
            var below = 0;
            for (var run = 0; run < runs; run++)
            {
                int[] reference = new int[6], sample = new int[6];
                // Most rows in one cell: where tables of continuous values are wrong.
                for (var i = 0; i < 400; i++) reference[random.NextDouble() < 0.7 ? 0 : random.Next(6)]++;
                for (var i = 0; i < 60; i++) sample[random.NextDouble() < 0.7 ? 0 : random.Next(6)]++;
                if (PermutationTest.PValue(reference, sample, DriftMeasures.JensenShannon, 0.02, run) <= level) below++;
            }

            return below;
        }

        // 1,000 runs, level 5 %: 50 expected, standard deviation 7.
        Assert.InRange(Below(0.05, 1_000), 25, 75);
    }

    [Fact]
    public void Cells_Numbers_CountEachValueOnceAndMissingApart()
    {
        var cells = FeatureCells.OfNumbers([1, 2, 2, double.NaN, 5]);
        Assert.Equal([1.0, 2.0, 5.0], cells.Bounds!);
        Assert.Equal((1, 4, 5), (cells.Missing, cells.Known, cells.Rows));
        var other = cells.Recount([0.5, 1.5, 2, 9, double.NaN, double.NaN]);
        Assert.Equal([1, 2, 0, 1], other.Counts);
        Assert.Equal(2, other.Missing);
        Assert.Equal(FeatureCells.MostBounds + 1, FeatureCells.OfNumbers(Enumerable.Range(0, 1_000).Select(i => (double)i)).Counts.Length);
    }

    [Fact]
    public void Cells_Levels_UnseenOnesFallIntoTheLastCell()
    {
        var cells = FeatureCells.OfLevels(["a", "b", "a", null]);
        Assert.Equal(["a", "b"], cells.Levels!);
        Assert.True(cells.IsComplete);
        Assert.Equal([1, 0, 2], cells.Recount(["a", "new", "newer"]).Counts);
        var many = FeatureCells.OfLevels(Enumerable.Range(0, 150).Select(i => $"l{i}"));
        Assert.False(many.IsComplete);
        Assert.Equal(50, many.Counts[^1]);
    }
}
