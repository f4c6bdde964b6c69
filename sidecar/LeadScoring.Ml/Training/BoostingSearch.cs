using LeadScoring.Ml.Network;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>Searches parameters of gradient boosting, and one number of rounds for all folds, by the mean of the folds' loss curves.</summary>
/// <remarks>
/// The number of rounds is that of the lowest mean curve over the folds (what xgb.cv does), not each fold's own best: a fold that chose its own would be judged by rows it had been fitted to.
/// The parameters given are always the first trial. Poor trials are dropped after two folds (successive halving by folds: all trials meet the same rows).
/// </remarks>
internal sealed class BoostingSearch(FoldRows[] folds, TrainingSettings settings, SearchCost cost, double budgetShare, Action<int> onTrial, CancellationToken cancellationToken)
{
    private const int FirstFolds = 2;
    private const int Batch = 4;
    private const int Neighbours = 5;

    /// <summary>Trials that meet another encoding.</summary>
    internal const int Again = 3;

    private readonly SeededRandom random = new(settings.Seed);
    private readonly SearchTrial spec = new(BoostingDesign.SpecPoint, settings.GradientBoosting with { Rounds = Math.Max(settings.GradientBoosting.Rounds, 500), Seed = settings.Seed });

    /// <summary>Best parameters so far, the chosen number of rounds among them; those given until something is better.</summary>
    internal XGBoostParameters Best { get; private set; } = settings.GradientBoosting;

    /// <summary>Trials that met all folds.</summary>
    private List<SearchTrial> complete = [];

    internal int Trials { get; private set; }

    /// <summary>Whether the search ended before its plan because its share of the budget was used up.</summary>
    internal bool IsCutShort { get; private set; }

    internal void Run()
    {
        var neighbours = settings.TuningTrials / 3;
        List<SearchTrial> all = [spec, .. BoostingDesign.Spread(settings.TuningTrials - neighbours, random).Select(Trial)];
        var first = Math.Min(FirstFolds, folds.Length);
        var met = Measure(all, folds[..first]);
        var kept = met.OrderBy(t => t.Loss).Take(Math.Max(3, all.Count / 4)).ToList();
        if (!kept.Contains(spec)) kept.Add(spec);
        complete = Measure(kept, folds[first..], isNew: false);
        Keep();
        for (var left = neighbours; left > 0 && complete.Count > 0 && !IsCutShort; left -= Neighbours)
        {
            var centre = complete.MinBy(t => t.Loss)!;
            complete.AddRange(Measure([.. BoostingDesign.Around(centre.Point, Math.Min(left, Neighbours), random).Select(Trial)], folds));
            Keep();
        }

        if (IsCutShort || complete.Count == 0) return;
        // Small steps gain a little more once all else is chosen; searching with them would only have cost more.
        var winner = complete.MinBy(t => t.Loss)!;
        complete.AddRange(Measure([new SearchTrial(winner.Point, winner.Parameters with { LearningRate = winner.Parameters.LearningRate / 2, Rounds = 2 * BoostingDesign.MostRounds })], folds));
        Keep();
    }

    /// <summary>The best trials again on the same rows in another encoding: the best of them there; null when nothing could be tried.</summary>
    internal XGBoostParameters? BestOn(FoldRows[] otherwiseEncoded)
    {
        var again = Measure([.. complete.OrderBy(t => t.Loss).Take(Again).Select(t => new SearchTrial(t.Point, t.Parameters))], otherwiseEncoded);
        return again.MinBy(t => t.Loss) is { } best ? best.Parameters with { Rounds = best.Rounds } : null;
    }

    /// <summary>Chooses the number of rounds again, for parameters that were found on fewer rows.</summary>
    internal XGBoostParameters RoundsAgain(XGBoostParameters found, FoldRows[] largerFolds)
    {
        var trial = new SearchTrial([], found with { Rounds = Math.Min(2 * BoostingDesign.MostRounds, 4 * found.Rounds), Seed = settings.Seed });
        Candidate.InParallel(largerFolds, settings, cancellationToken, f => trial.Add(f, Curve(trial.Parameters, f)));
        return found with { Rounds = trial.Rounds };
    }

    private SearchTrial Trial(double[] point) => new(point, BoostingDesign.At(point, settings.GradientBoosting) with { Seed = settings.Seed });

    /// <summary>Measures trials on some folds, a batch at a time; returns those measured before the budget was used up.</summary>
    private List<SearchTrial> Measure(List<SearchTrial> trials, FoldRows[] on, bool isNew = true)
    {
        var measured = new List<SearchTrial>();
        foreach (var batch in trials.Chunk(Batch))
        {
            // The settings as given are always tried.
            if (cost.Share >= budgetShare && measured.Count > 0)
            {
                IsCutShort = true;
                break;
            }

            Candidate.InParallel(batch.SelectMany(t => on.Select(f => (Trial: t, Fold: f))), settings, cancellationToken, x => x.Trial.Add(x.Fold, Curve(x.Trial.Parameters, x.Fold)));
            measured.AddRange(batch);
            if (!isNew) continue;
            Trials += batch.Length;
            onTrial(Trials);
        }

        return measured;
    }

    private double[] Curve(XGBoostParameters parameters, FoldRows fold)
    {
        var patience = (int)Math.Ceiling(2 / parameters.LearningRate);
        var curve = XGBoostLossCurve.Measure(
            fold.Tree, fold.TreeColumns, fold.Labels, parameters, new XGBoostValidation(fold.HeldOutTree, fold.HeldOutLabels, patience, fold.HeldOutWeights), fold.Weights, cancellationToken: cancellationToken);
        cost.Spend(SearchCost.Trees(fold, (double)curve.Length * parameters.ParallelTrees, parameters.MaxDepth, isForest: false));
        return curve;
    }

    private void Keep()
    {
        if (complete.MinBy(t => t.Loss) is { } best) Best = best.Parameters with { Rounds = best.Rounds };
    }
}
