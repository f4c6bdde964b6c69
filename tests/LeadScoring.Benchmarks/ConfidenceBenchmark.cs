using LeadScoring.Demo;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.Explanation;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks;

/// <summary>Whether confidence, intervals and factors mean what they say.</summary>
internal static class ConfidenceBenchmark
{
    private const double BandWidth = 0.05;
    private const int FewestInBand = 200;
    private const int GroupSize = 200;
    private const double Normal90 = 1.6449;
    private const int BandSeed = 101;
    private const int FirstSeed = 111;
    private const long DayMs = 86_400_000;

    private static readonly (string Set, string Variant)[] PublicSets =
        [("bank_additional", "noleak"), ("online_shoppers", "all"), ("online_shoppers", "noleak"), ("school_crm", "noleak"), ("school_crm_72h", "noleak"), ("x_education", "noleak")];

    internal static Task FactorsAsync(BenchmarkOptions options)
    {
        Factors(options.Quick);
        return Task.CompletedTask;
    }

    internal static Task BandsAsync(BenchmarkOptions options)
    {
        Bands(options);
        return Task.CompletedTask;
    }

    internal static Task IntervalsAsync(BenchmarkOptions options)
    {
        IntervalWalkBenchmark.Run(options);
        Intervals(options);
        return Task.CompletedTask;
    }

    private static void Factors(bool quick)
    {
        var count = quick ? 10_000 : 20_000;
        var (rows, trained) = DemoRows.Model(count);
        var others = DemoRows.Make(DemoRows.DefaultWorld with { Seed = 2 }, 10_000, keepSnapshots: false).Set.WithFeatures(trained.Model.Profile);
        var explainer = new Explainer(trained.Model);
        var width = others.Profile.Features.Count;
        var (bases, points) = (new double[others.Rows], new double[others.Rows * width]);
        explainer.Explain(others.Values, bases, points);
        var worst = 0.0;
        for (var r = 0; r < others.Rows; r++)
            worst = Math.Max(worst, Math.Abs(bases[r] + points.AsSpan(r * width, width).ToArray().Sum() - (100 * trained.Model.Score(others.Row(r)).Probability)));
        Report.Line($"Largest difference of base and factors from the score before rounding, {others.Rows:N0} leads that the model has not seen: {worst:0.0e+0} points.\n");

        var (leads, pairs) = quick ? (40, 100) : (200, 500);
        Report.Progress($"sampling Shapley values of {leads} leads");
        var secant = new double[points.Length];
        new Explainer(trained.Model) { PathSteps = 1 }.Explain(others.Values, bases, secant);
        double[][] agreement = [new double[leads], new double[leads], new double[leads], new double[leads]];
        Parallel.For(0, leads, i =>
        {
            var random = new Random(i);
            var sampled = SampledShapley.Points(trained.Model, others.Row(i), () => rows.Set.Row(random.Next(rows.Set.Rows)).ToArray(), pairs, random);
            foreach (var (ours, at) in (IEnumerable<(double[], int)>)[(points[(i * width)..((i + 1) * width)], 0), (secant[(i * width)..((i + 1) * width)], 2)])
            {
                agreement[at][i] = SampledShapley.Spearman(ours, sampled);
                agreement[at + 1][i] = SampledShapley.Spearman(Array.ConvertAll(ours, Math.Abs), Array.ConvertAll(sampled, Math.Abs));
            }
        });
        Report.Line($"Agreement with sampled Shapley values of the final score ({leads} leads, {pairs} pairs of permutations, each with a background lead drawn from the training rows): Spearman over the {width} features of a lead.\n");
        Report.Table(["", "mean", "lowest", "5 %", "25 %", "median"], 
        [
            Spread("points", agreement[0]), Spread("size of points", agreement[1]), Spread("points, secants instead of the path", agreement[2]), Spread("size of points, secants instead of the path", agreement[3]),
        ]);
    }

    private static string[] Spread(string name, double[] values)
    {
        var sorted = values.Order().ToArray();
        string At(double q) => sorted[(int)(q * (sorted.Length - 1))].ToString("0.000");
        return [name, sorted.Average().ToString("0.000"), At(0), At(0.05), At(0.25), At(0.5)];
    }

    private static void Bands(BenchmarkOptions options)
    {
        Report.Line($"Confidence: test leads in bands {BandWidth} wide with at least {FewestInBand} leads. Difference: share decided rightly less mean confidence of the band.\n");
        var lines = new List<string[]>();
        // Many test leads, so that chance has little to say: a band of 2,500 has a standard error of 0.01 or less.
        var (trainLeads, testLeads, seeds) = options.Quick ? (8_000, 2_000, 1) : (40_000, 100_000, 3);
        for (var seed = BandSeed; seed < BandSeed + seeds; seed++)
        {
            foreach (var (name, settings) in (IEnumerable<(string, DemoWorldSettings)>)[("demo world", DemoRows.DefaultWorld), ("demo world, 5 %", DemoRows.FivePercentWorld)])
            {
                var made = DemoRows.Make(settings with { Seed = seed }, trainLeads + testLeads, keepSnapshots: false);
                var set = made.Set;
                Report.Progress($"training on the {name}, seed {seed}");
                int[] rows = [.. Enumerable.Range(0, set.Rows)];
                // What chance alone does to a scorer that knows each lead's probability.
                AddBands(lines, $"{name}, seed {seed}, perfect scorer", rows[trainLeads..].Select(r => (Confidence(made.Leads[r].TrueProbability), IsRight(made.Leads[r].TrueProbability, set.Labels[r]))));
                AddBands(lines, $"{name}, seed {seed}", set, EnsembleTrainer.Train(set, rows[..trainLeads], rows[trainLeads..], new TrainingSettings(), null, CancellationToken.None));
            }
        }

        foreach (var (set, variant) in options.PublicData is null ? [] : PublicSets)
        {
            Report.Progress($"training on {set} / {variant}");
            var data = PublicSet.Load(options.PublicData!, set, variant);
            AddBands(lines, $"{set} / {variant}", data.Set, data.Train());
        }

        Report.Table(["set, member", "test leads", "bands", "largest difference (standard error)", "largest standard error", "beyond 0.04", "beyond 0.04 and two standard errors", "differences, lowest band first (leads)"], lines);
    }

    private static void AddBands(List<string[]> lines, string name, TrainingSet set, TrainingResult trained)
    {
        var labels = Array.ConvertAll(trained.TestRows, r => set.Labels[r]);
        var served = set.WithFeatures(trained.Model.Profile);
        foreach (var (member, scores) in (IEnumerable<(string, LeadScore[])>)[("ensemble", trained.TestScores), ("quick", Array.ConvertAll(trained.TestRows, r => trained.Model.QuickScore(served.Row(r))))])
        {
            AddBands(lines, $"{name}, {member}", scores.Zip(labels, (s, y) => (s.Confidence, IsRight(s.Probability, y))));
        }
    }

    private static double Confidence(double probability) => Math.Max(probability, 1 - probability);

    private static double IsRight(double probability, float label) => probability >= 0.5 == (label == 1) ? 1 : 0;

    private static void AddBands(List<string[]> lines, string name, IEnumerable<(double Confidence, double Right)> scored)
    {
        var all = scored.ToArray();
        var bands = all.GroupBy(s => Math.Floor(s.Confidence / BandWidth)).Where(g => g.Count() >= FewestInBand).OrderBy(g => g.Key)
            .Select(g => (N: g.Count(), Mean: g.Average(s => s.Confidence), Right: g.Average(s => s.Right))).ToArray();
        double Error((int N, double Mean, double Right) b) => Math.Sqrt(b.Mean * (1 - b.Mean) / b.N);
        lines.Add(
        [
            name, $"{all.Length:N0}", $"{bands.Length}", bands.Length == 0 ? "-" : bands.MaxBy(b => Math.Abs(b.Right - b.Mean)) is var worst ? $"{Math.Abs(worst.Right - worst.Mean):0.000} ({Error(worst):0.000})" : "",
            bands.Length == 0 ? "-" : bands.Max(Error).ToString("0.000"),
            $"{bands.Count(b => Math.Abs(b.Right - b.Mean) > 0.04)}", $"{bands.Count(b => Math.Abs(b.Right - b.Mean) > Math.Max(0.04, 2 * Error(b)))}",
            string.Join(", ", bands.Select(b => $"{b.Mean:0.00}: {b.Right - b.Mean:+0.000;-0.000;0.000} ({b.N})")),
        ]);
        Report.Progress(string.Join(" | ", lines[^1]));
    }

    private static void Intervals(BenchmarkOptions options)
    {
        Report.Line($"Intervals forward in time: trained on the older rows, tested on the next. Test leads in order of score, in groups of {GroupSize}.\n");
        var lines = new List<string[]>();
        var (seeds, count) = options.Quick ? (2, 10_000) : (5, 20_000);
        foreach (var (name, strength) in (IEnumerable<(string, double)>)[("demo world", 0), ("demo world, base rate rising by 0.5 in log-odds over two years", 0.5)])
        {
            var tallies = new List<Coverage>();
            for (var seed = FirstSeed; seed < FirstSeed + seeds; seed++)
            {
                var world = DemoRows.DefaultWorld;
                var rows = DemoRows.Make(world with { Seed = seed, BaseRateShift = new DemoDrift(world.NowMs - (world.HistoryDays * DayMs), strength, world.HistoryDays * DayMs) }, count, keepSnapshots: false);
                int[] order = [.. Enumerable.Range(0, count).OrderBy(i => rows.Leads[i].DecisionMs)];
                Report.Progress($"training on {name}, seed {seed}");
                tallies.Add(Forward(rows.Set, order[..(count * 4 / 5)], order[(count * 4 / 5)..], r => rows.Leads[r].TrueProbability));
            }

            lines.Add(Line($"{name}, {seeds} seeds, {count:N0} leads", tallies));
        }

        if (options.PublicData is { } folder)
        {
            var bank = PublicSet.Load(folder, "bank_additional", "noleak", 0.2);
            int[] order = [.. bank.TrainRows, .. bank.TestRows];
            foreach (var share in (double[])[0.4, 0.5, 0.6, 0.7, 0.8])
            {
                Report.Progress($"training on bank_additional up to {share:P0}");
                var (from, to) = ((int)(share * order.Length), (int)((share + 0.2) * order.Length));
                lines.Add(Line($"bank series, {share:P0} to {share + 0.2:P0}", [Forward(bank.Set, order[..from], order[from..to], null)]));
            }
        }

        Report.Table(["series", "groups", "true rate inside", "observed rate inside (widened by its own sampling)", "mean width, points", "tau"], lines);
    }

    private sealed record Coverage(int Groups, int True, int Observed, double Width, double Tau);

    private static Coverage Forward(TrainingSet set, int[] train, int[] test, Func<int, double>? truth)
    {
        var trained = EnsembleTrainer.Train(set, train, test, new TrainingSettings(), null, CancellationToken.None);
        var intervals = trained.Model.Certainty.Intervals;
        int[] byScore = [.. Enumerable.Range(0, test.Length).OrderBy(i => trained.TestScores[i].Probability)];
        int groups = 0, inside = 0, observed = 0;
        var width = 0.0;
        foreach (var group in byScore.Chunk(GroupSize).Where(g => g.Length == GroupSize))
        {
            groups++;
            var each = Array.ConvertAll(group, i => intervals.Around(trained.TestScores[i].Probability));
            double low = each.Average(e => e.Low), high = each.Average(e => e.High), mean = group.Average(i => trained.TestScores[i].Probability);
            width += 100 * (high - low);
            if (truth is not null && group.Average(i => truth(test[i])) is var rate && rate >= low && rate <= high) inside++;
            var seen = group.Average(i => set.Labels[test[i]]);
            var side = seen < mean ? mean - low : high - mean;
            if (Math.Abs(seen - mean) <= Math.Sqrt((side * side) + (Normal90 * Normal90 * mean * (1 - mean) / GroupSize))) observed++;
        }

        return new Coverage(groups, truth is null ? -1 : inside, observed, width / groups, intervals.Spread.Tau);
    }

    private static string[] Line(string name, List<Coverage> tallies)
    {
        var groups = tallies.Sum(t => t.Groups);
        string Share(Func<Coverage, int> of) => tallies[0].True < 0 && of(tallies[0]) < 0 ? "-" : $"{tallies.Sum(of) / (double)groups:0.0 %} ({string.Join(", ", tallies.Select(t => (of(t) / (double)t.Groups).ToString("0 %")))})";
        return [name, $"{groups}", Share(t => t.True), Share(t => t.Observed), tallies.Average(t => t.Width).ToString("0.0"), string.Join(", ", tallies.Select(t => t.Tau.ToString("0.000")))];
    }
}
