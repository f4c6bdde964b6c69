using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Members fitted with one choice of settings, and what they predict for rows that they did not see.</summary>
internal sealed record Candidate
{
    /// <summary>Fitted on all training rows.</summary>
    internal required MemberFit Final { get; init; }

    /// <summary>Member probabilities, [member][position in the training rows].</summary>
    internal required double[][] OutOfFold { get; init; }

    /// <summary>Shares of the members.</summary>
    internal required EnsembleWeights Weights { get; init; }

    /// <summary>Out-of-fold averages, each calibrated (and where weights were fitted, weighted) by the other folds: what the ensemble is worth, unflattered.</summary>
    internal required double[] CrossCalibrated { get; init; }

    /// <summary>What the search did; null without one.</summary>
    internal TuningReport? Tuning { get; init; }

    /// <summary>The settings as given, or, with <see cref="TuningMode.Auto"/>, the better of them and what a search finds.</summary>
    internal static Candidate Choose(
        TrainingSet set, int[] rows, int[] fold, TrainingSettings settings, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        if (settings.Tuning == TuningMode.Spec) return Spec(set, rows, fold, settings, new ProgressShare(progress, 0.02, 0.96, "Fitting"), cancellationToken);
        var found = new EnsembleTuner(set, rows, settings, new ProgressShare(progress, 0.02, 0.6, "Searching"), cancellationToken).Search();
        var spec = Spec(set, rows, fold, settings, new ProgressShare(progress, 0.6, 0.72, "Fitting the settings as given"), cancellationToken);
        var tuned = Tuned(set, rows, fold, found.Settings, new ProgressShare(progress, 0.72, 0.84, "Fitting the tuned settings"), cancellationToken);
        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        var weights = set.WeightsOf(rows);
        var (specLoss, tunedLoss) = (ProbabilityLoss.LogLoss(spec.CrossCalibrated, labels, weights), ProbabilityLoss.LogLoss(tuned.CrossCalibrated, labels, weights));
        var used = found.Settings;
        if (found.Otherwise is { } otherwise)
        {
            // The search's folds chose each; these, which neither was chosen on, choose between them.
            var other = Tuned(set, rows, fold, otherwise, new ProgressShare(progress, 0.84, 0.96, "Fitting the tuned settings in the other encoding"), cancellationToken);
            var loss = ProbabilityLoss.LogLoss(other.CrossCalibrated, labels, weights);
            if (loss < tunedLoss) (tuned, tunedLoss, used) = (other, loss, otherwise);
        }

        return (tunedLoss < specLoss ? tuned : spec) with
        {
            Tuning = new TuningReport
            {
                IsTuned = tunedLoss < specLoss, SpecLogLoss = specLoss, TunedLogLoss = tunedLoss, Weights = tuned.Weights,
                Trials = found.Trials, PlannedTrials = found.PlannedTrials, SearchRows = found.SearchRows, StoppedEarly = found.StoppedEarly, IsReproducible = found.IsReproducible,
                LevelStatistics = used.Encoding.LevelStatistics, GradientBoosting = used.GradientBoosting, RandomForest = used.RandomForest, Network = used.Network, Regression = used.Regression,
            },
        };
    }

    /// <summary>The weighted average of member probabilities, row by row.</summary>
    internal static double[] Averages(double[][] members, EnsembleWeights weights)
    {
        var average = new double[members[0].Length];
        Span<double> row = stackalloc double[EnsembleModel.Members];
        for (var i = 0; i < average.Length; i++)
        {
            for (var m = 0; m < row.Length; m++) row[m] = members[m][i];
            average[i] = weights.Average(row);
        }

        return average;
    }

    private static Candidate Spec(TrainingSet set, int[] rows, int[] fold, TrainingSettings settings, ProgressShare progress, CancellationToken cancellationToken)
    {
        var (final, outOfFold) = Fit(set, rows, fold, settings, progress, cancellationToken);
        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        var weights = EffortWeights.AsLeads(set.WeightsOf(rows));
        return new Candidate { Final = final, OutOfFold = outOfFold, Weights = settings.Weights, CrossCalibrated = CrossCalibrate(Averages(outOfFold, settings.Weights), labels, weights, fold, settings.Folds) };
    }

    private static Candidate Tuned(TrainingSet set, int[] rows, int[] fold, TrainingSettings settings, ProgressShare progress, CancellationToken cancellationToken)
    {
        var (final, outOfFold) = Fit(set, rows, fold, settings, progress, cancellationToken);
        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        var weights = EffortWeights.AsLeads(set.WeightsOf(rows));
        return new Candidate
        {
            Final = final, OutOfFold = outOfFold,
            Weights = MixtureWeights.Fit(outOfFold, labels, settings.Weights, [.. Enumerable.Range(0, rows.Length)], weights),
            CrossCalibrated = CrossCalibrate(others => Averages(outOfFold, MixtureWeights.Fit(outOfFold, labels, settings.Weights, others, weights)), labels, weights, fold, settings.Folds),
        };
    }

    /// <summary>Each out-of-fold prediction calibrated by a map that was fitted on the other folds: what the calibration is worth, unflattered.</summary>
    internal static double[] CrossCalibrate(double[] predictions, float[] labels, float[] weights, int[] fold, int folds) => CrossCalibrate(_ => predictions, labels, weights, fold, folds);

    private static double[] CrossCalibrate(Func<int[], double[]> predictions, float[] labels, float[] weights, int[] fold, int folds)
    {
        var calibrated = new double[labels.Length];
        for (var k = 0; k < folds; k++)
        {
            int[] others = [.. Enumerable.Range(0, labels.Length).Where(i => fold[i] != k)];
            var average = predictions(others);
            var map = SmoothedIsotonic.Fit(Array.ConvertAll(others, i => average[i]), Array.ConvertAll(others, i => labels[i]), weights.Length == 0 ? [] : Array.ConvertAll(others, i => weights[i]));
            for (var i = 0; i < labels.Length; i++)
            {
                if (fold[i] == k) calibrated[i] = map.Apply(average[i]);
            }
        }

        return calibrated;
    }

    /// <summary>Folds and the final fit in parallel: the final one first, as it takes longest. Each fit is single-threaded.</summary>
    private static (MemberFit Final, double[][] OutOfFold) Fit(
        TrainingSet set, int[] rows, int[] fold, TrainingSettings settings, ProgressShare progress, CancellationToken cancellationToken)
    {
        var outOfFold = Enumerable.Range(0, EnsembleModel.Members).Select(_ => new double[rows.Length]).ToArray();
        MemberFit? final = null;
        var done = 0.0;
        var finished = 0;
        var trees = 0;
        var allTrees = (settings.Folds + 1) * ((settings.GradientBoosting.Rounds * settings.GradientBoosting.ParallelTrees) + (settings.RandomForest.Rounds * settings.RandomForest.ParallelTrees));
        var gate = new Lock();
        // Work grows with rows: the final fit counts Folds / (Folds - 1) times a fold.
        var total = settings.Folds + (settings.Folds / (settings.Folds - 1.0));
        InParallel(Enumerable.Range(-1, settings.Folds + 1), settings, cancellationToken, k =>
        {
            var cost = k < 0 ? settings.Folds / (settings.Folds - 1.0) : 1;
            void Report(double share, int grown)
            {
                lock (gate)
                {
                    trees += grown;
                    done += share * cost;
                    progress.Report($"{(k < 0 ? "final fit" : $"fold {k + 1} of {settings.Folds}")}, {trees:N0} of {allTrees:N0} trees, {finished} of {settings.Folds + 1} fits done", done / total);
                }
            }

            int[] own = k < 0 ? rows : [.. rows.Where((_, i) => fold[i] != k)];
            var fit = MemberFit.Fit(set, own, settings, Report, cancellationToken);
            if (k < 0) final = fit;
            else KeepHeldOut(fit, k);
            lock (gate) finished++;
        });
        return (final!, outOfFold);

        void KeepHeldOut(MemberFit fit, int k)
        {
            int[] positions = [.. Enumerable.Range(0, rows.Length).Where(i => fold[i] == k)];
            var predicted = fit.Predict(set, Array.ConvertAll(positions, i => rows[i]));
            for (var m = 0; m < EnsembleModel.Members; m++)
            {
                for (var i = 0; i < positions.Length; i++) outOfFold[m][positions[i]] = predicted[m][i];
            }
        }
    }

    /// <summary>Runs work on as many threads as the settings allow; the first fault comes out as it is.</summary>
    internal static void InParallel<T>(IEnumerable<T> work, TrainingSettings settings, CancellationToken cancellationToken, Action<T> body)
    {
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = settings.Parallelism == 0 ? Environment.ProcessorCount : settings.Parallelism, CancellationToken = cancellationToken,
        };
        try
        {
            // Without this partitioner a worker would be handed several fits at once and the other core would stand idle.
            Parallel.ForEach(Partitioner.Create(work, EnumerablePartitionerOptions.NoBuffering), options, body);
        }
        catch (AggregateException e) when (e.InnerExceptions.Count > 0)
        {
            // Parallel wraps; the caller wants the cause.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }
}
