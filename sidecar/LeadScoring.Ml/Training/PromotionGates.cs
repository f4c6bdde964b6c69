using System.Globalization;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>
/// Decides whether a new model may take the champion's place. What it is held against, and why so: a model that is worse on the newest leads, worse calibrated or more biased than the one in
/// service must not replace it; nor one whose data look wrong (labels that say nothing, a field that gives the outcome away, leads that are gone).
/// </summary>
public static class PromotionGates
{
    /// <summary>Gates that block by themselves.</summary>
    public static readonly IReadOnlyList<string> Deciding = ["rows", "learns", "leak", "sample", "learned_less", "loss", "calibration", "segments", "bias"];

    /// <summary>Targets, which warn unless they are made to block.</summary>
    public static readonly IReadOnlyList<string> Targets =
        ["target_auc", "target_grade_a_precision", "target_recall", "target_f1", "target_score_std", "target_pearson", "target_weekly_variation", "target_bias"];

    /// <summary>All of them.</summary>
    public static IEnumerable<string> All => Deciding.Concat(Targets);

    /// <summary>Judges a training.</summary>
    /// <param name="set">The table.</param>
    /// <param name="judged">The training and what was measured of it.</param>
    /// <param name="champion">The model in service; null when there is none.</param>
    /// <param name="facts">What is known of the rows beside.</param>
    /// <param name="evaluation">Smallest segment.</param>
    /// <param name="training">Seed, and whether leaks are allowed.</param>
    /// <param name="settings">Margins and targets.</param>
    public static GateReport Judge(
        TrainingSet set, JudgedTraining judged, ChampionFacts? champion, RowFacts facts, EvaluationSettings evaluation, TrainingSettings training, GateSettings settings)
    {
        var gates = new List<GateResult> { Rows(set, judged, settings), Learns(judged), Leak(judged, champion, training) };
        if (champion is not null)
        {
            if (champion.LearnedLeads > 0) gates.Add(Sample(champion, settings));
            if (champion.OutOfFold is { } then) gates.Add(LearnedLess(judged, then, champion.Version, settings));
        }

        var (rows, words) = (0, champion is null ? "There is no champion to compare with." : $"Champion {champion.Version} cannot be read, or does not fit the profile's features.");
        if (champion?.Model is { } model)
        {
            var pair = PairedComparison.Of(set, judged, model, champion.Learned, training.Seed + 2);
            (rows, words) = (pair.Rows.Length, Words(pair, champion.Version, judged));
            gates.AddRange(ChampionGates.Of(pair, champion.Version, facts, evaluation, settings));
        }

        gates.AddRange(TargetGates.Of(judged, settings));
        return new GateReport([.. gates.Where(g => !settings.LeftOut.Contains(g.Name)).OrderByDescending(g => g.Verdict)], rows, words);
    }

    internal static GateResult Gate(string name, double value, Interval interval, double threshold, GateVerdict verdict, FormattableString reason) =>
        new(name, value, interval, threshold, verdict, reason.ToString(CultureInfo.InvariantCulture));

    private static string Words(PairedComparison pair, int champion, JudgedTraining judged) => string.Create(
        CultureInfo.InvariantCulture,
        $"Compared with champion {champion} on {pair.Rows.Length:N0} {(pair.IsForward ? "of the newest leads, by a stand-in trained on the older ones" : $"leads held back, as there is no forward test ({judged.Evaluation.WhyNoForward})")}. {(pair.AreUnseen ? "The champion learned from none of them." : "The champion may have learned from some of them, so this errs on its side.")}");

    private static GateResult Rows(TrainingSet set, JudgedTraining judged, GateSettings settings)
    {
        var converted = judged.Result.TrainRows.Count(r => set.Labels[r] == 1);
        var fewer = Math.Min(converted, judged.Result.TrainRows.Length - converted);
        return Gate("rows", fewer, Interval.Undefined, settings.FewestPerClass, fewer >= settings.FewestPerClass ? GateVerdict.Pass : GateVerdict.Block,
            $"{converted:N0} converted and {judged.Result.TrainRows.Length - converted:N0} not converted leads to learn from.");
    }

    /// <summary>Against chance: labels that were mixed up teach nothing, and a model that says the base rate of everybody looks calm beside any other.</summary>
    private static GateResult Learns(JudgedTraining judged)
    {
        var learned = judged.Result.OutOfFold.Ensemble;
        var interval = learned.AucInterval();
        var learns = interval.Low > 0.5;
        return Gate("learns", learned.RocAuc, interval, 0.5, learns ? GateVerdict.Pass : GateVerdict.Block,
            $"AUC {learned.RocAuc:0.000} ({interval.Low:0.000} to {interval.High:0.000}) out-of-fold on {learned.Rows:N0} leads{(learns ? "." : ": no better than chance. Are the outcomes those of these leads?")}");
    }

    private static GateResult Leak(JudgedTraining judged, ChampionFacts? champion, TrainingSettings training)
    {
        LeakFinding[] found = [.. judged.Result.Leaks.Where(l => l.Kind == LeakKind.Outcome && Math.Max(l.Auc, l.MissingnessAuc) >= LeakLinter.LeaveOut).OrderByDescending(l => Math.Max(l.Auc, l.MissingnessAuc))];
        LeakFinding[] unknown = [.. found.Where(l => champion?.LeftOutFeatures.Contains(l.Feature) != true)];
        var worst = found.Length == 0 ? double.NaN : Math.Max(found[0].Auc, found[0].MissingnessAuc);
        // The first model leaves it out and says so; where there was none before, data have changed in a way that somebody must look at.
        var verdict = unknown.Length == 0 ? GateVerdict.Pass : champion is null || training.AllowLeaks ? GateVerdict.Warn : GateVerdict.Block;
        return Gate("leak", worst, Interval.Undefined, LeakLinter.LeaveOut, verdict,
            $"{(unknown.Length > 0 ? string.Join(" ", unknown.Select(l => l.Message)) : found.Length > 0 ? "The same features as before give the outcome away, and are left out." : "No feature gives the outcome away.")}");
    }

    private static GateResult Sample(ChampionFacts champion, GateSettings settings)
    {
        var kept = champion.Learned!.Count(l => l);
        var share = kept / (double)champion.LearnedLeads;
        return Gate("sample", share, Interval.OfShare(kept, champion.LearnedLeads), settings.KeptShare, share >= settings.KeptShare ? GateVerdict.Pass : GateVerdict.Block,
            $"{kept:N0} of {champion.LearnedLeads:N0} leads that champion {champion.Version} learned from still have an outcome{(share >= settings.KeptShare ? "." : ": what is left may not stand for all leads.")}");
    }

    private static GateResult LearnedLess(JudgedTraining judged, MetricSet then, int champion, GateSettings settings)
    {
        var now = judged.Result.OutOfFold.Ensemble;
        var difference = now.RocAuc - then.RocAuc;
        Interval one = now.AucInterval(), other = then.AucInterval();
        var half = Math.Sqrt(Math.Pow((one.High - one.Low) / 2, 2) + Math.Pow((other.High - other.Low) / 2, 2));
        // Where the rule of outcomes has changed, how well the old one could be learned is no measure of the new.
        var verdict = !(difference < -settings.LearnedMargin) ? GateVerdict.Pass : difference + half < 0 && judged.Evaluation.RuleSinceMs is null ? GateVerdict.Block : GateVerdict.Warn;
        return Gate("learned_less", difference, new Interval(difference - half, difference + half), -settings.LearnedMargin, verdict,
            $"Out-of-fold AUC {now.RocAuc:0.000} against {then.RocAuc:0.000} of champion {champion} in its training{(verdict == GateVerdict.Pass ? "." : ": outcomes say much less than they did.")}");
    }
}
