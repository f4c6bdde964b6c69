using System.Globalization;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>How good the ensemble is with fewer rows.</summary>
/// <param name="Rows">Training rows.</param>
/// <param name="LogLoss">Log loss of the members' uncalibrated average on the test rows, mean over the repetitions.</param>
/// <param name="RocAuc">AUC, likewise.</param>
public sealed record LearningPoint(int Rows, double LogLoss, double RocAuc);

/// <summary>Whether more data would help.</summary>
/// <remarks>
/// Members are fitted once, without cross-validation, on 1/8, 1/4 and 1/2 of the training rows (two disjoint stratified subsets each) and compared with the trained model on the same
/// test rows. The slope is that of the log loss on log2(rows) over the last three sizes: what the last doublings gave. Its interval comes from resampling test rows (the same for all
/// sizes) and subsets. A doubling is worth having from <see cref="WorthHaving"/> of the log loss on.
/// </remarks>
/// <param name="Points">From few rows to all.</param>
/// <param name="GainOfDoubling">Fall of the log loss per doubling of the rows, nats.</param>
/// <param name="Interval">Its 95 % interval.</param>
/// <param name="MoreData">yes, no or unclear.</param>
public sealed record LearningCurve(IReadOnlyList<LearningPoint> Points, double GainOfDoubling, Interval Interval, string MoreData)
{
    /// <summary>Share of the log loss that a doubling must take off to be worth having.</summary>
    public const double WorthHaving = 0.005;

    /// <summary>Fewest training rows that a curve is drawn from.</summary>
    public const int FewestRows = 400;

    private const int Repetitions = 2;
    private static readonly int[] Divisors = [8, 4, 2];

    /// <summary>The verdict in words.</summary>
    public string Message => string.Create(CultureInfo.InvariantCulture,
        $"More data would help: {MoreData}. The last doublings of the rows took {GainOfDoubling:0.0000} off the log loss each (95 %: {Interval.Low:0.0000} to {Interval.High:0.0000}; from {WorthHaving * Points[^1].LogLoss:0.0000} on it is worth having).");

    /// <summary>Draws the curve; null when there are too few rows.</summary>
    internal static LearningCurve? Draw(TrainingSet set, TrainingResult trained, TrainingSettings settings, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        var labels = Array.ConvertAll(trained.TestRows, r => set.Labels[r]);
        if (trained.TrainRows.Length < FewestRows || labels.Length < 50 || !labels.Contains(0f) || !labels.Contains(1f)) return null;
        set = set.WithFeatures(trained.Model.Profile);
        var tasks = Divisors.SelectMany(d => Enumerable.Range(0, Repetitions).Select(k => (Divisor: d, Part: k))).ToArray();
        var predictions = new double[tasks.Length + 1][];
        var counts = new int[tasks.Length];
        var done = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = settings.Parallelism == 0 ? Environment.ProcessorCount : settings.Parallelism, CancellationToken = cancellationToken };
        // The largest first: the short ones fill the gap at the end.
        Parallel.ForEach(System.Collections.Concurrent.Partitioner.Create(Enumerable.Range(0, tasks.Length).Reverse(), System.Collections.Concurrent.EnumerablePartitionerOptions.NoBuffering), options, i =>
        {
            var part = StratifiedSplit.Folds(set.Labels, trained.TrainRows, tasks[i].Divisor, settings.Seed);
            int[] rows = [.. trained.TrainRows.Where((_, r) => part[r] == tasks[i].Part)];
            counts[i] = rows.Length;
            // Enough of both classes, or the members have nothing to fit.
            if (rows.Count(r => set.Labels[r] == 1) is var p && (p < 2 || rows.Length - p < 2)) return;
            var members = MemberFit.Fit(set, rows, settings, (_, _) => { }, cancellationToken).Predict(set, trained.TestRows);
            predictions[i] = Averages(members, settings.Weights);
            progress?.Report(new TrainingProgress($"Learning curve, {Interlocked.Increment(ref done)} of {tasks.Length} fits done", 1));
        });
        if (predictions.Take(tasks.Length).Contains(null)) return null;
        predictions[^1] = OfModel(set, trained);
        return Judge(predictions, counts, trained.TrainRows.Length, labels, set.WeightsOf(trained.TestRows), settings.Seed);
    }

    private static LearningCurve Judge(double[][] predictions, int[] counts, int all, float[] labels, float[] leads, int seed)
    {
        var losses = Array.ConvertAll(predictions, p => p.Select((x, i) => -Math.Log(Math.Clamp(labels[i] == 1 ? x : 1 - x, 1e-12, 1))).ToArray());
        var sizes = Divisors.Length;
        double Mean(int size, Func<double[], double> of, double[][] from) => Enumerable.Range(0, Repetitions).Average(k => of(from[(size * Repetitions) + k]));
        LearningPoint[] points =
        [
            .. Enumerable.Range(0, sizes).Select(s => new LearningPoint(
                (int)Enumerable.Range(0, Repetitions).Average(k => counts[(s * Repetitions) + k]), Mean(s, l => EffortWeights.Mean(l, leads), losses), Mean(s, p => RankingQuality.RocAuc(p, labels, leads), predictions))),
            new LearningPoint(all, EffortWeights.Mean(losses[^1], leads), RankingQuality.RocAuc(predictions[^1], labels, leads)),
        ];
        var gain = -Slope(points[1].LogLoss, points[3].LogLoss);
        var random = new Random(seed);
        var resamples = Bootstrap.SuggestedResamples(labels.Length);
        var gains = new double[resamples];
        Bootstrap.Run(Array.ConvertAll(labels, y => (int)y), resamples, seed, (b, weights) =>
        {
            double Loss(double[] loss)
            {
                double sum = 0, rows = 0;
                for (var i = 0; i < loss.Length; i++)
                {
                    double count = leads.Length == 0 ? weights[i] : weights[i] * leads[i];
                    (sum, rows) = (sum + (count * loss[i]), rows + count);
                }

                return sum / rows;
            }

            double Size(int size)
            {
                double sum = 0;
                for (var k = 0; k < Repetitions; k++) sum += Loss(losses[(size * Repetitions) + random.Next(Repetitions)]) / Repetitions;
                return sum;
            }

            gains[b] = -Slope(Size(1), Loss(losses[^1]));
        });
        var interval = Bootstrap.Of(gain, gains);
        var worth = WorthHaving * points[^1].LogLoss;
        return new LearningCurve(points, gain, interval, interval.Low > worth ? "yes" : interval.High < worth ? "no" : "unclear");
    }

    /// <summary>Least-squares slope over three sizes, each the double of the one before: of three equidistant points the middle one has no say.</summary>
    private static double Slope(double quarter, double whole) => (whole - quarter) / 2;

    private static double[] Averages(double[][] members, EnsembleWeights weights) =>
        [.. Enumerable.Range(0, members[0].Length).Select(i => weights.Average([members[0][i], members[1][i], members[2][i], members[3][i]]))];

    private static double[] OfModel(TrainingSet set, TrainingResult trained)
    {
        var model = trained.Model;
        var members = new double[EnsembleModel.Members];
        return Array.ConvertAll(trained.TestRows, r =>
        {
            model.Score(set.Row(r), members);
            return model.Weights.Average(members);
        });
    }
}
