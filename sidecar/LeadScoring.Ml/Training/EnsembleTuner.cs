using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>Searches the parameters of each member by cross-validated log loss on the training rows.</summary>
/// <remarks>
/// The folds are others than those that the candidates are compared on afterwards, so that the comparison is not won by having been fitted to its folds.
/// Same seed, rows and settings: same result, unless the clock had to end the search, which <see cref="SearchResult.IsReproducible"/> says.
/// </remarks>
internal sealed class EnsembleTuner(TrainingSet set, int[] rows, TrainingSettings settings, ProgressShare progress, CancellationToken cancellationToken, TimeSpan? clockLimit = null, SearchCost? limit = null)
{
    /// <summary>More rows than this are sampled for the search, each class alike.</summary>
    internal const int MostRows = 30_000;

    /// <summary>Most folds of the search, however many the evaluation has.</summary>
    private const int MostFolds = 5;

    /// <summary>The primary member gets the most of the budget, and first.</summary>
    private const double BoostingShare = 0.7;

    private const int Batch = 2;

    private readonly SearchCost cost = limit ?? SearchCost.Of(settings.TuningBudget);
    private int trials;
    private bool isCutShort;

    internal SearchResult Search()
    {
        using var clock = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var time = clockLimit ?? settings.TuningBudget;
        // A timer of no time at all would still leave the search some, as much as the machine is late in firing it.
        if (time > TimeSpan.Zero) clock.CancelAfter(time);
        else clock.Cancel();
        var folds = Math.Min(settings.Folds, MostFolds);
        var sample = Sample();
        var forests = Forests();
        var networks = Networks();
        var regressions = Regressions();
        var (forest, network, regression) = (settings.RandomForest, settings.Network, settings.Regression);
        XGBoostParameters? boosting = null;
        TrainingSettings? otherwise = null;
        var planned = settings.TuningTrials + 2 + forests.Count + networks.Count + regressions.Count;
        var outOfTime = false;
        BoostingSearch? search = null;
        try
        {
            var encoded = FoldRows.Of(set, sample, folds, settings.Seed + 1, settings, clock.Token);
            var otherwiseEncoded = Otherwise(sample, encoded, folds, clock.Token);
            if (otherwiseEncoded is not null) planned += Math.Min(BoostingSearch.Again, settings.TuningTrials + 1) + forests.Count;
            search = new BoostingSearch(encoded, settings, cost, BoostingShare, n => Report(Math.Max(n, trials), planned), clock.Token);
            search.Run();
            trials = search.Trials;
            isCutShort = search.IsCutShort;
            regression = Best(regressions, encoded, p => f => Loss(f, p), f => SearchCost.Regression(f), planned, clock.Token);
            network = Best(networks, encoded, p => f => Loss(f, p, clock.Token), f => SearchCost.Network(f, settings.Network.HiddenLayers), planned, clock.Token);
            forest = BestForest(encoded);
            boosting = RoundsOnAllRows(search, search.Best, settings);
            if (otherwiseEncoded is not null && !isCutShort && cost.Share < 1) otherwise = Found(search, otherwiseEncoded);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            outOfTime = true;
            trials = Math.Max(trials, search?.Trials ?? 0);
        }

        return new SearchResult(
            settings with { GradientBoosting = boosting ?? search?.Best ?? settings.GradientBoosting, RandomForest = forest, Network = network, Regression = regression }, otherwise, trials, planned, sample.Length,
            outOfTime ? $"Stopped by the clock after {trials} of {planned} trials: another run may give another model. Raise tuning_budget, or free the machine."
            : isCutShort ? $"The budget was used up after {trials} of {planned} trials; the same seed gives the same model." : null,
            !outOfTime);

        XGBoostParameters BestForest(FoldRows[] on) =>
            Best(forests, on, p => f => LossOfForest(f, p, clock.Token), f => SearchCost.Trees(f, settings.RandomForest.ParallelTrees, settings.RandomForest.MaxDepth, true), planned, clock.Token);

        XGBoostParameters RoundsOnAllRows(BoostingSearch from, XGBoostParameters best, TrainingSettings encoding) =>
            sample.Length < rows.Length ? from.RoundsAgain(best, FoldRows.Of(set, rows, folds, settings.Seed + 1, encoding, clock.Token)) : best;

        TrainingSettings? Found(BoostingSearch from, FoldRows[] on)
        {
            var before = from.Trials;
            if (from.BestOn(on) is not { } best) return null;
            trials += from.Trials - before;
            return WithStatistics with { GradientBoosting = RoundsOnAllRows(from, best, WithStatistics), RandomForest = BestForest(on), Network = network, Regression = regression };
        }
    }

    private TrainingSettings WithStatistics => settings with { Encoding = settings.Encoding with { LevelStatistics = true } };

    /// <summary>The same folds with the statistics of levels for the trees; null where that changes nothing.</summary>
    private FoldRows[]? Otherwise(int[] sample, FoldRows[] encoded, int folds, CancellationToken token)
    {
        if (settings.Encoding.LevelStatistics) return null;
        var otherwise = FoldRows.Of(set, sample, folds, settings.Seed + 1, WithStatistics, token);
        return otherwise[0].TreeColumns == encoded[0].TreeColumns ? null : otherwise;
    }

    private List<XGBoostParameters> Forests()
    {
        var given = settings.RandomForest;
        List<XGBoostParameters> all = [given];
        foreach (var (depth, child, columns) in (ReadOnlySpan<(int, double, double)>)[(10, 5, 0.3), (14, 5, 0.3), (14, 10, 0.15), (12, 10, 0.5), (8, 5, 0.15)])
            all.Add(given with { Objective = "reg:squarederror", Lambda = 1, MaxDepth = depth, MinChildWeight = child, ColumnSampleByNode = columns });
        return all;
    }

    private List<NetworkParameters> Networks() =>
    [
        settings.Network, .. new[] { 0.1, 0.5, 1, 3 }.Select(alpha => settings.Network with { Alpha = alpha }),
        .. new[] { 0.3, 3 }.Select(alpha => settings.Network with { HiddenLayers = [16], Alpha = alpha }),
    ];

    private List<LogisticRegressionParameters> Regressions() =>
        [settings.Regression, .. new[] { 10, 0.3, 0.1, 0.03, 0.01, 0.003 }.Select(c => settings.Regression with { C = c })];

    /// <summary>The candidate with the lowest mean loss over the folds; the first one is that of the settings and is always tried.</summary>
    private T Best<T>(List<T> candidates, FoldRows[] folds, Func<T, Func<FoldRows, double>> loss, Func<FoldRows, double> price, int planned, CancellationToken token)
    {
        var losses = new double[candidates.Count * folds.Length];
        var done = 0;
        foreach (var batch in Enumerable.Range(0, candidates.Count).Chunk(Batch))
        {
            if (done > 0 && cost.Share >= 1)
            {
                isCutShort = true;
                break;
            }

            Candidate.InParallel(batch.SelectMany(c => Enumerable.Range(0, folds.Length).Select(k => (c, k))), settings, token, x =>
            {
                losses[(x.c * folds.Length) + x.k] = loss(candidates[x.c])(folds[x.k]);
                cost.Spend(price(folds[x.k]));
            });
            done += batch.Length;
            trials += batch.Length;
            Report(trials, planned);
        }

        return candidates[Enumerable.Range(0, done).MinBy(c => losses.AsSpan(c * folds.Length, folds.Length).ToArray().Sum())];
    }

    private void Report(int done, int planned) => progress.Report($"trial {done} of {planned}", (double)done / planned);

    private double LossOfForest(FoldRows fold, XGBoostParameters parameters, CancellationToken token)
    {
        var json = XGBoostTrainer.Train(fold.Tree, fold.TreeColumns, fold.Labels, fold.Weights, MemberFit.Forest(parameters, fold.Labels, fold.Weights) with { Seed = settings.Seed }, cancellationToken: token);
        var forest = TreeEnsemble.FromXGBoostJson(json);
        return Loss(fold, i => forest.Probability(forest.Margin(fold.HeldOutTree.AsSpan(i * fold.TreeColumns, fold.TreeColumns))));
    }

    private double Loss(FoldRows fold, NetworkParameters parameters, CancellationToken token)
    {
        var network = NetworkTrainer.Train(fold.Dense, fold.DenseColumns, fold.Labels, settings.Seed, fold.Weights, parameters, cancellationToken: token);
        return Loss(fold, i => network.Probability(fold.HeldOutDense.AsSpan(i * fold.DenseColumns, fold.DenseColumns)));
    }

    private static double Loss(FoldRows fold, LogisticRegressionParameters parameters)
    {
        var regression = LogisticRegressionTrainer.Train(fold.Dense, fold.DenseColumns, fold.Labels, fold.Weights, parameters);
        return Loss(fold, i => regression.Probability(fold.HeldOutDense.AsSpan(i * fold.DenseColumns, fold.DenseColumns)));
    }

    private static double Loss(FoldRows fold, Func<int, double> probability) =>
        ProbabilityLoss.LogLoss([.. Enumerable.Range(0, fold.HeldOutLabels.Length).Select(i => Math.Clamp(probability(i), 0, 1))], fold.HeldOutLabels, fold.HeldOutWeights);

    private int[] Sample()
    {
        if (rows.Length <= MostRows) return rows;
        var (kept, _) = StratifiedSplit.TrainTest(Array.ConvertAll(rows, r => set.Labels[r]), 1 - (MostRows / (double)rows.Length), settings.Seed);
        return Array.ConvertAll(kept, i => rows[i]);
    }
}

/// <summary>What a search found.</summary>
/// <param name="Settings">Those given, with the best parameters of each member.</param>
/// <param name="Otherwise">The best for trees that get the statistics of levels; null when there was nothing to try, or no budget left.</param>
/// <param name="Trials">Parameter sets tried.</param>
/// <param name="PlannedTrials">Parameter sets planned.</param>
/// <param name="SearchRows">Rows looked at.</param>
/// <param name="StoppedEarly">Why it ended before its plan; null when it did not.</param>
/// <param name="IsReproducible">False when the clock ended it.</param>
internal sealed record SearchResult(TrainingSettings Settings, TrainingSettings? Otherwise, int Trials, int PlannedTrials, int SearchRows, string? StoppedEarly, bool IsReproducible);
