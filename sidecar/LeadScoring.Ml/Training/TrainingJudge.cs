using System.Diagnostics;
using System.Globalization;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Trains a model and judges it: a stratified test, a second training for the forward test, learning curve, twins, weekly steadiness, fairness, anchor.</summary>
public static class TrainingJudge
{
    private const int MaxFairnessRows = 20_000;
    private const double TrainingShare = 0.4;

    /// <summary>Trains on a stratified share of the rows, people kept on one side, and judges.</summary>
    /// <inheritdoc cref="Run(TrainingSet, int[], int[], TrainingSettings, EvaluationSettings, RowFacts, IProgress{TrainingProgress}, CancellationToken)" />
    public static JudgedTraining Run(
        TrainingSet set, TrainingSettings settings, EvaluationSettings evaluation, RowFacts facts, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        settings.Validate();
        var (train, test) = StratifiedSplit.TrainTest(set, settings.TestShare, settings.Seed);
        return Run(set, train, test, settings, evaluation, facts, progress, cancellationToken);
    }

    /// <summary>Trains on the given rows, tests on others, and judges. The forward test takes all of them, whatever side they are on.</summary>
    /// <param name="set">Labelled rows.</param>
    /// <param name="train">Positions to train on.</param>
    /// <param name="test">Positions to test on, at least one.</param>
    /// <param name="settings">How to train.</param>
    /// <param name="evaluation">How to judge.</param>
    /// <param name="facts">What is known of the rows beside.</param>
    /// <param name="progress">Told about each step; may be null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="TrainingException">Too few rows, one class only, or no native library.</exception>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public static JudgedTraining Run(
        TrainingSet set, int[] train, int[] test, TrainingSettings settings, EvaluationSettings evaluation, RowFacts facts, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        evaluation.Validate();
        var moved = 0;
        if (facts.People is { } people && !facts.KeepSides) (train, test, moved) = NearDuplicates.OneSide(train, test, people);
        var result = EnsembleTrainer.Train(set, train, test, settings, Part(progress, "", 0, TrainingShare), cancellationToken);
        if (test.Length == 0) throw new TrainingException("No rows are left to test on.");
        // What was found is judged, not found again: only parameters, no fit, have seen the newest rows.
        settings = result.Tuning?.Used(settings) ?? settings;
        var clock = Stopwatch.StartNew();
        var since = (long?)null;
        if (SinceTheRuleChanged(set, result, facts, settings, Part(progress, "Since the rule changed: ", TrainingShare, TrainingShare), cancellationToken) is { } changed)
            (result, train, test, since) = (changed.Later, changed.Later.TrainRows, changed.Later.TestRows, changed.SinceMs);
        int[] all = [.. train.Concat(test).Order()];
        var (share, capacity) = (evaluation.ForwardShare, Capacity(set, all, evaluation));
        var stratified = SplitMeasure.Of(set, result, capacity, evaluation, settings.Seed);
        var judged = new ModelEvaluation { Stratified = stratified.Evaluation, Twins = Twins(set, result, facts, moved), RuleSinceMs = since };

        TrainingResult? standIn = null;
        var (forwardSplit, why) = evaluation.Forward ? Forward(set, all, share, facts) : (null, "it was not asked for");
        if (forwardSplit is { } split)
        {
            var later = EnsembleTrainer.Train(set, split.Train, split.Test, settings, Part(progress, "Forward in time: ", TrainingShare, 0.9), cancellationToken);
            standIn = later;
            // Its own seed: the two tests are resampled apart.
            var forward = SplitMeasure.Of(set, later, capacity, evaluation, settings.Seed + 1);
            judged = judged with
            {
                Forward = forward.Evaluation with { EmbargoDays = split.EmbargoDays }, Differences = SplitMeasure.Differences(stratified, forward),
                ForwardTwins = Twins(set, later, facts, split.Moved),
                Weekly = WeeklyStability.Of(Array.ConvertAll(later.TestScores, s => s.Points), Array.ConvertAll(split.Test, r => set.Labels[r]), Array.ConvertAll(split.Test, r => set.AsOfMs![r]), set.WeightsOf(split.Test)),
            };
        }

        if (evaluation.LearningCurve)
        {
            progress?.Report(new TrainingProgress("Learning curve", 0.9));
            judged = judged with { LearningCurve = LearningCurve.Draw(set, result, settings, Part(progress, "", 0.9, 0.97), cancellationToken) };
        }

        return Finish(set, all, result, judged with { WhyNoForward = why }, evaluation, facts, settings, clock, progress, cancellationToken) with { Forward = standIn };
    }

    /// <summary>Makes an ensemble around tree members that were trained elsewhere, and judges it on leads that were never exported.</summary>
    /// <param name="set">Labelled rows as they are now.</param>
    /// <param name="leadIds">Lead of each row.</param>
    /// <param name="members">What was trained elsewhere.</param>
    /// <param name="settings">How to train the rest.</param>
    /// <param name="evaluation">How to judge.</param>
    /// <param name="facts">What is known of the rows beside.</param>
    /// <param name="progress">Told about each step; may be null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="TrainingException">A member does not fit the exported columns, or there are too few leads that were held back.</exception>
    public static JudgedTraining Run(
        TrainingSet set, IReadOnlyList<string> leadIds, ExternalMembers members, TrainingSettings settings, EvaluationSettings evaluation, RowFacts facts, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        evaluation.Validate();
        var result = members.Assemble(set, leadIds, settings, Part(progress, "", 0, 0.9), cancellationToken);
        var clock = Stopwatch.StartNew();
        // Outcomes of exported leads are in the members: nothing is judged by them.
        int[] unseen = [.. result.CalibrationRows.Concat(result.TestRows).Order()];
        var (measured, _) = SplitMeasure.Of(set, result, Capacity(set, unseen, evaluation), evaluation, settings.Seed);
        var judged = new ModelEvaluation { Stratified = measured, Twins = Twins(set, result, facts, 0), WhyNoForward = "members were trained elsewhere, and cannot be trained again on the older rows" };
        return Finish(set, unseen, result, judged, evaluation, facts, settings, clock, progress, cancellationToken);
    }

    /// <summary>Fairness and the present base rate, by rows that the model has a say on without having seen them.</summary>
    private static JudgedTraining Finish(
        TrainingSet set, int[] rows, TrainingResult result, ModelEvaluation judged, EvaluationSettings evaluation, RowFacts facts, TrainingSettings settings, Stopwatch clock,
        IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        progress?.Report(new TrainingProgress("Fairness and base rate", 0.97));
        var unseen = ChangeOfRule.Unseen(result);
        var sample = (int[])rows.Clone();
        if (sample.Length > MaxFairnessRows)
        {
            new Random(settings.Seed).Shuffle(sample);
            sample = [.. sample[..MaxFairnessRows].Order()];
        }

        var fairness = SensitiveGroups.Report(
            set, sample, Array.ConvertAll(sample, r => new Ensemble.LeadScore(unseen[r], 0).Points), result.Model.Profile, facts, evaluation, settings, cancellationToken);
        var anchor = Newest(set, rows, evaluation.ForwardShare, facts, unseen, result, settings.Seed);
        progress?.Report(new TrainingProgress("Done", 1));
        return new JudgedTraining(result, judged with { Seconds = Math.Round(clock.Elapsed.TotalSeconds, 1) }, fairness, anchor);
    }

    /// <summary>The training on the rows since outcomes came to follow another rule; null when they did not, or when older rows help all the same.</summary>
    private static (TrainingResult Later, long SinceMs)? SinceTheRuleChanged(
        TrainingSet set, TrainingResult whole, RowFacts facts, TrainingSettings settings, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        if (ChangeOfRule.Since(set, whole, facts) is not { } since) return null;
        var test = ChangeOfRule.Later(set, whole.TestRows, since, facts);
        if (!HasBoth(set, test, 1)) return null;
        var later = EnsembleTrainer.Train(set, ChangeOfRule.Later(set, whole.TrainRows, since, facts), test, settings, progress, cancellationToken) with { Tuning = whole.Tuning };
        // It may have changed more than once.
        if (SinceTheRuleChanged(set, later, facts with { RuleSinceMs = null }, settings, progress, cancellationToken) is { } last && ChangeOfRule.IsBetter(set, last.Later, whole)) return last;
        return ChangeOfRule.IsBetter(set, later, whole) ? (later, since) : null;
    }

    private sealed record ForwardRows(int[] Train, int[] Test, int EmbargoDays, int Moved);

    private static (ForwardRows? Split, string? Why) Forward(TrainingSet set, int[] all, double share, RowFacts facts)
    {
        if (set.AsOfMs is not { } asOf) return (null, "rows carry no time");
        // Of young rows conversions are known first: on them every model would look too modest.
        int[] mature = [.. all.Where(r => facts.MatureUntilMs is not { } until || asOf[r] <= until)];
        var (train, test) = ForwardSplit.Of(asOf, mature, share);
        if (mature.Length == 0) return (null, "no row has had its whole horizon yet");
        if (train.Length == 0 || test.Length == 0) return (null, "all rows have the same moment");
        var moved = 0;
        if (facts.People is { } people) (train, moved) = NearDuplicates.WithoutPeopleOf(train, test, people);
        // What was decided within the horizon before the test had no final outcome yet when the test began.
        var testFrom = test.Min(r => asOf[r]);
        int[] known = [.. train.Where(r => asOf[r] + (set.Profile.HorizonDays * ActivityState.DayMs) <= testFrom)];
        var embargo = 2 * known.Length >= train.Length && HasBoth(set, known, EnsembleTrainer.FewestPerClass);
        if (embargo) train = known;
        if (!HasBoth(set, train, EnsembleTrainer.FewestPerClass)) return (null, $"the older rows hold fewer than {EnsembleTrainer.FewestPerClass} leads of one kind");
        if (!HasBoth(set, test, 1)) return (null, "the newest rows are all of one kind");
        return (new ForwardRows(train, test, embargo ? set.Profile.HorizonDays : 0, moved), null);
    }

    private static bool HasBoth(TrainingSet set, int[] rows, int fewest)
    {
        var positives = rows.Count(r => set.Labels[r] == 1);
        return positives >= fewest && rows.Length - positives >= fewest;
    }

    private static double Capacity(TrainingSet set, int[] rows, EvaluationSettings evaluation)
    {
        if (evaluation.LeadsPerWeek is not { } week || set.AsOfMs is not { } asOf) return evaluation.Capacity;
        var weeks = (rows.Max(r => asOf[r]) - rows.Min(r => asOf[r])) / (7.0 * ActivityState.DayMs);
        return weeks <= 0 ? evaluation.Capacity : Math.Clamp(week * weeks / rows.Length, 1.0 / rows.Length, 1);
    }

    private static TwinReport[] Twins(TrainingSet set, TrainingResult result, RowFacts facts, int moved)
    {
        var reports = new List<TwinReport>();
        if (facts.People is { } people)
        {
            var trained = result.TrainRows.Select(r => people[r]).OfType<string>().ToHashSet(StringComparer.Ordinal);
            reports.Add(Report("person", [.. Enumerable.Range(0, result.TestRows.Length).Where(i => people[result.TestRows[i]] is { } p && trained.Contains(p))], moved));
        }

        reports.Add(Report("features", NearDuplicates.EqualRows(set.WithFeatures(result.Model.Profile), result.TrainRows, result.TestRows), 0));
        return [.. reports.Where(r => r.TestRows > 0 || r.Moved > 0)];

        TwinReport Report(string basis, int[] twins, int rowsMoved)
        {
            var without = Enumerable.Range(0, result.TestRows.Length).Except(twins).ToArray();
            var labels = Array.ConvertAll(without, i => set.Labels[result.TestRows[i]]);
            var probabilities = Array.ConvertAll(without, i => result.TestScores[i].Probability);
            var weights = set.WeightsOf(Array.ConvertAll(without, i => result.TestRows[i]));
            var measurable = twins.Length > 0 && labels.Contains(0f) && labels.Contains(1f);
            return new TwinReport(
                basis, twins.Length, rowsMoved, measurable ? RankingQuality.RocAuc(probabilities, labels, weights) : double.NaN, measurable ? ProbabilityLoss.LogLoss(probabilities, labels, weights) : double.NaN);
        }
    }

    /// <summary>The anchor by the newest rows that have had their whole horizon.</summary>
    private static Anchor Newest(TrainingSet set, int[] all, double share, RowFacts facts, Dictionary<int, double> unseen, TrainingResult result, int seed)
    {
        if (set.AsOfMs is not { } asOf) return Anchor.Identity with { Evidence = new AnchorEvidence { Reason = "Rows carry no time: whether the base rate moved cannot be seen." } };
        var (_, newest) = ForwardSplit.Of(asOf, [.. all.Where(r => facts.MatureUntilMs is not { } until || asOf[r] <= until)], share);
        Array.Sort(newest, (a, b) => asOf[a] != asOf[b] ? asOf[a].CompareTo(asOf[b]) : a.CompareTo(b));
        // Rows count alike, whatever they stand for: leads of one score were worked or not by chance, and the anchor is a map of the score.
        // Without intervals: the model knows other leads of these very periods, so how far periods differ cannot be learned here.
        return Reanchoring.Decide(
            new MaturedOutcomes(Array.ConvertAll(newest, r => unseen[r]), Array.ConvertAll(newest, r => set.Labels[r]))
            {
                Moments = Array.ConvertAll(newest, r => asOf[r]), LagMs = set.Profile.HorizonDays * ActivityState.DayMs,
            },
            [], EffortWeights.Mean(Array.ConvertAll(result.TrainRows, r => set.Labels[r]), set.WeightsOf(result.TrainRows)), seed);
    }

    private static IProgress<TrainingProgress>? Part(IProgress<TrainingProgress>? progress, string prefix, double from, double to) =>
        progress is null ? null : new PartProgress(progress, prefix, from, to);

    private sealed class PartProgress(IProgress<TrainingProgress> whole, string prefix, double from, double to) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) =>
            whole.Report(new TrainingProgress(value.Stage == "Done" ? string.Create(CultureInfo.InvariantCulture, $"{prefix}Tested") : prefix + value.Stage, from + ((to - from) * value.Fraction)));
    }
}
