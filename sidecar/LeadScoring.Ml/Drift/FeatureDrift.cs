namespace LeadScoring.Ml.Drift;

/// <summary>What changed of a feature.</summary>
public enum DriftAspect
{
    /// <summary>The values.</summary>
    Values,

    /// <summary>How often there is none.</summary>
    Missing,

    /// <summary>How often it is a level that was not there in training.</summary>
    Unseen,
}

/// <summary>One test of one feature.</summary>
/// <param name="Aspect">What was tested.</param>
/// <param name="Distance">Of numbers Kolmogorov-Smirnov, of levels Jensen-Shannon in bits; of missing and unseen the difference of the shares.</param>
/// <param name="Least">Distance from which on it matters, however many leads there are.</param>
/// <param name="PValue">How likely as much would be without drift: of numbers by the Anderson-Darling statistic, else by the distance itself.</param>
/// <param name="Level">Level that it was tested at.</param>
public sealed record DriftTest(DriftAspect Aspect, double Distance, double Least, double PValue, double Level)
{
    /// <summary>Whether it is more than chance, and large enough to matter.</summary>
    public bool IsAlarm => PValue <= Level && Math.Abs(Distance) >= Least;
}

/// <summary>A feature of recent leads against training.</summary>
/// <param name="Psi">Population stability index over at most ten cells, missing apart; NaN without values.</param>
/// <param name="PsiByChance">What the index would be without drift, on average.</param>
/// <param name="Wasserstein">In the feature's unit; NaN for levels and without values.</param>
/// <param name="MissingBefore">Share of training rows without a value.</param>
/// <param name="MissingNow">Share of recent leads without one.</param>
/// <param name="Tests">Each test.</param>
public sealed record FeatureDrift(double Psi, double PsiByChance, double Wasserstein, double MissingBefore, double MissingNow, IReadOnlyList<DriftTest> Tests)
{
    /// <summary>Kolmogorov-Smirnov distance from which on a change matters: one lead in ten is another.</summary>
    public const double LeastDistance = 0.1;

    /// <summary>The same for the divergence of levels: two levels of a half each that become 0.31 and 0.69.</summary>
    public const double LeastDivergence = 0.027;

    /// <summary>The same for shares.</summary>
    public const double LeastShare = 0.05;

    private const int PsiCells = 10;

    /// <summary>Tests that a feature needs: values, missing, and unseen for levels.</summary>
    public static int TestsOf(FeatureCells reference) => reference.Levels is null ? 2 : 3;

    /// <summary>Compares.</summary>
    /// <param name="reference">Training.</param>
    /// <param name="sample">Recent leads, counted in the reference's cells.</param>
    /// <param name="level">Level of each test.</param>
    /// <param name="seed">Seed.</param>
    public static FeatureDrift Of(FeatureCells reference, FeatureCells sample, double level, int seed)
    {
        var (coarse, coarseSample) = Coarse(reference, sample);
        var cells = coarse.Count(c => c > 0);
        double missingBefore = Share(reference.Missing, reference.Rows), missingNow = Share(sample.Missing, sample.Rows);
        int[] gone = [reference.Known, reference.Missing], goneNow = [sample.Known, sample.Missing];
        List<DriftTest> tests =
        [
            reference.Levels is null
                ? Test(DriftAspect.Values, reference.Counts, sample.Counts, DriftMeasures.KolmogorovSmirnov, LeastDistance, level, seed, DriftMeasures.AndersonDarling)
                : Test(DriftAspect.Values, reference.Counts, sample.Counts, DriftMeasures.JensenShannon, LeastDivergence, level, seed),
            Test(DriftAspect.Missing, gone, goneNow, DriftMeasures.KolmogorovSmirnov, LeastShare, level, seed) with { Distance = missingNow - missingBefore },
        ];
        if (reference.Levels is not null)
        {
            int[] unseen = [reference.Known - reference.Counts[^1], reference.Counts[^1]], unseenNow = [sample.Known - sample.Counts[^1], sample.Counts[^1]];
            tests.Add(Test(DriftAspect.Unseen, unseen, unseenNow, DriftMeasures.KolmogorovSmirnov, LeastShare, level, seed) with { Distance = Share(unseenNow[1], sample.Known) - Share(unseen[1], reference.Known) });
        }

        return new FeatureDrift(
            DriftMeasures.Psi(coarse, coarseSample), reference.Known == 0 || sample.Known == 0 ? double.NaN : DriftMeasures.PsiByChance(Math.Max(1, cells), reference.Known, sample.Known),
            reference.Bounds is { Length: > 0 } bounds ? DriftMeasures.Wasserstein(bounds, reference.Counts, sample.Counts) : double.NaN, missingBefore, missingNow, tests);
    }

    private static DriftTest Test(DriftAspect aspect, int[] reference, int[] sample, CountDistance distance, double least, double level, int seed, CountDistance? statistic = null)
    {
        var seen = distance(reference, sample);
        return new DriftTest(aspect, double.IsFinite(seen) ? seen : 0, least, PermutationTest.PValue(reference, sample, statistic ?? distance, level, seed), level);
    }

    private static double Share(int part, int whole) => whole == 0 ? 0 : part / (double)whole;

    /// <summary>Neighbouring cells together until each holds a tenth of the reference: the index means something only with rows in its cells.</summary>
    private static (int[] Reference, int[] Sample) Coarse(FeatureCells reference, FeatureCells sample)
    {
        if (reference.Counts.Length <= PsiCells) return (reference.Counts, sample.Counts);
        List<int> before = [], now = [];
        var enough = Math.Max(1, reference.Known / (double)PsiCells);
        int sum = 0, sumNow = 0;
        for (var c = 0; c < reference.Counts.Length; c++)
        {
            sum += reference.Counts[c];
            sumNow += sample.Counts[c];
            if (sum < enough && c < reference.Counts.Length - 1) continue;
            before.Add(sum);
            now.Add(sumNow);
            (sum, sumNow) = (0, 0);
        }

        return ([.. before], [.. now]);
    }
}
