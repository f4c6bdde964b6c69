using LeadScoring.Demo;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks;

/// <summary>Conversion intervals while time goes on: frozen, around anchored probabilities, and with the width that outcomes teach; nothing but what was known when a lead was scored.</summary>
internal static class IntervalWalkBenchmark
{
    private const int StepRows = 100;
    private const int PeriodRows = 1_000;
    private const int GroupSize = 200;
    private const double Normal90 = 1.6449;
    private const int FirstSeed = 111;
    private const long DayMs = 86_400_000;

    internal static void Run(BenchmarkOptions options)
    {
        Report.Line($"Intervals while time goes on: trained on the older rows, the others walked through in order of time. An anchor is made anew every {StepRows} leads from the outcomes known then, as `POST /v1/models/{{v}}/anchor` makes it. "
            + $"Leads of {PeriodRows:N0} in a row, in order of the score they were served, in groups of {GroupSize}. Observed rates are allowed their own sampling.\n");
        var lines = new List<string[]>();
        var (seeds, count) = options.Quick ? (1, 10_000) : (5, 20_000);
        var world = DemoRows.DefaultWorld;
        var start = world.NowMs - (world.HistoryDays * DayMs);
        // 60 % of the way through decisions, half-way through what is walked.
        var middle = start + (long)(0.6 * (world.HistoryDays - DemoWorldSettings.HorizonDays) * DayMs);
        (string Name, DemoWorldSettings World)[] worlds =
        [
            ("still", world), ("base rate rising by 0.5 in log-odds over two years", world with { BaseRateShift = new DemoDrift(start, 0.5, world.HistoryDays * DayMs) }),
            ("base rate up by 1.5 in log-odds at once", world with { BaseRateShift = new DemoDrift(middle, 1.5) }), ("another rule decides from one day on", world with { ConceptDrift = new DemoDrift(middle, 1) }),
        ];
        if (options.PublicData is { } folder)
        {
            var bank = PublicSet.Load(folder, "bank_additional", "noleak", 0.2);
            foreach (var share in (double[])[0.4, 0.8])
            {
                Report.Progress($"training on bank_additional up to {share:P0}");
                Add(Line($"bank series, trained on the first {share:P0}", [Series.Of(bank.Set, [.. bank.TrainRows, .. bank.TestRows], share, null).Walk(0)]));
            }
        }

        foreach (var (name, settings) in worlds)
        {
            var (late, atOnce) = (new List<Tally>(), new List<Tally>());
            for (var seed = FirstSeed; seed < FirstSeed + seeds; seed++)
            {
                var rows = DemoRows.Make(settings with { Seed = seed }, count, keepSnapshots: false);
                int[] order = [.. Enumerable.Range(0, count).OrderBy(i => rows.Leads[i].DecisionMs)];
                Report.Progress($"training on {name}, seed {seed}");
                var series = Series.Of(rows.Set, order, 0.4, r => rows.Leads[r].TrueProbability);
                late.Add(series.Walk(DemoWorldSettings.HorizonDays * DayMs));
                atOnce.Add(series.Walk(0));
            }

            Add(Line($"demo, {name}; outcomes known after 90 days", late));
            Add(Line($"demo, {name}; outcomes known at once", atOnce));
        }

        // Row by row on the way, as this takes long.
        void Add(string[] line)
        {
            lines.Add(line);
            Report.Progress(string.Join(" | ", line));
        }

        Report.Table(
            ["series", "groups", "90 % would be, two standard errors", "observed rate inside: frozen", "anchored", "anchored and adaptive (by seed)", "mean width, points: frozen", "anchored", "adaptive", "true rate inside, adaptive"], lines);
    }

    private sealed record Tally(int Groups, int[] Inside, double[] Width, int True, bool HasTruth);

    private sealed record Series(double[] P, float[] Y, long[] Moments, double[]? Truth, ConversionIntervals Intervals, double Rate)
    {
        internal static Series Of(TrainingSet set, int[] order, double share, Func<int, double>? truth)
        {
            var (train, test) = (order[..(int)(share * order.Length)], order[(int)(share * order.Length)..]);
            var trained = EnsembleTrainer.Train(set, train, test, new TrainingSettings(), null, CancellationToken.None);
            return new Series(
                Array.ConvertAll(trained.TestScores, s => s.Probability), Array.ConvertAll(test, r => set.Labels[r]), Array.ConvertAll(test, r => set.AsOfMs![r]),
                truth is null ? null : Array.ConvertAll(test, r => truth(r)), trained.Model.Certainty.Intervals, train.Average(r => (double)set.Labels[r]));
        }

        internal Tally Walk(long lagMs)
        {
            var served = new double[P.Length];
            var ways = new ConversionInterval[3][];
            for (var way = 0; way < 3; way++) ways[way] = new ConversionInterval[P.Length];
            var known = 0;
            var anchor = Anchor.Identity;
            for (var i = 0; i < P.Length; i++)
            {
                if (i % StepRows == 0)
                {
                    while (known < i && Moments[known] + lagMs < Moments[i]) known++;
                    anchor = Reanchoring.Decide(new MaturedOutcomes(P[..known], Y[..known]) { Moments = Moments[..known], LagMs = lagMs, Intervals = Intervals }, [], Rate, 42);
                }

                served[i] = anchor.Apply(P[i]);
                (ways[0][i], ways[1][i], ways[2][i]) = (Intervals.Around(P[i]), Intervals.Around(served[i], anchor with { PeriodHalfWidth = null }), Intervals.Around(served[i], anchor));
            }

            return Count(served, ways);
        }

        private Tally Count(double[] served, ConversionInterval[][] ways)
        {
            var (groups, inside, width, held) = (0, new int[3], new double[3], 0);
            for (var from = 0; from + PeriodRows <= P.Length; from += PeriodRows)
            {
                foreach (var group in Enumerable.Range(from, PeriodRows).OrderBy(i => served[i]).Chunk(GroupSize))
                {
                    groups++;
                    var seen = group.Average(i => Y[i]);
                    for (var way = 0; way < 3; way++)
                    {
                        double low = group.Average(i => ways[way][i].Low), high = group.Average(i => ways[way][i].High), mean = group.Average(i => way == 0 ? P[i] : served[i]);
                        width[way] += 100 * (high - low);
                        var side = seen < mean ? mean - low : high - mean;
                        if (Math.Abs(seen - mean) <= Math.Sqrt((side * side) + (Normal90 * Normal90 * mean * (1 - mean) / GroupSize))) inside[way]++;
                        if (way == 2 && Truth is not null && group.Average(i => Truth[i]) is var rate && rate >= low && rate <= high) held++;
                    }
                }
            }

            return new Tally(groups, inside, width, held, Truth is not null);
        }
    }

    private static string[] Line(string name, List<Tally> tallies)
    {
        double groups = tallies.Sum(t => t.Groups);
        string Share(int way) => (tallies.Sum(t => t.Inside[way]) / groups).ToString("0.0 %");
        string Width(int way) => (tallies.Sum(t => t.Width[way]) / groups).ToString("0.0");
        var error = 2 * Math.Sqrt(0.09 / groups);
        return
        [
            name, $"{groups}", $"{0.9 - error:0.0 %} to {Math.Min(1, 0.9 + error):0.0 %}", Share(0), Share(1),
            Share(2) + (tallies.Count > 1 ? $" ({string.Join(", ", tallies.Select(t => (t.Inside[2] / (double)t.Groups).ToString("0 %")))})" : ""),
            Width(0), Width(1), Width(2), tallies[0].HasTruth ? (tallies.Sum(t => t.True) / groups).ToString("0.0 %") : "-",
        ];
    }
}
