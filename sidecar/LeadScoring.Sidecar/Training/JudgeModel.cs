using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;

namespace LeadScoring.Sidecar.Training;

/// <summary>Holds a trained model against the gates and the champion, and decides whether it takes its place.</summary>
internal sealed class JudgeModel(ModelStore models, GatePolicyStore policies, TimeProvider time)
{
    private const string Use = "Ranks leads of one organization by the probability that they convert within the profile's horizon, for people who decide whom to call. Not for decisions about credit, employment, insurance or housing.";

    // Means over so many leads are steady, and are worked out within a second.
    private const int MostImportanceRows = 2_000;

    internal async Task<ModelCard> RunAsync(TrainingRun run, LabeledSet labeled, JudgedTraining judged, CancellationToken cancellationToken)
    {
        var settings = await policies.GetAsync(run.OrganizationId, cancellationToken) ?? new GateSettings();
        var champion = await ChampionAsync(run.OrganizationId, labeled, cancellationToken);
        var training = run.ReadSettings();
        var report = PromotionGates.Judge(labeled.Set, judged, champion, labeled.Facts, run.ReadEvaluation(), training, settings);
        var (promote, reason) = Decide(run.ReadPromote(), champion, report, settings, labeled.Set, judged.Result, training);
        // A first model has nothing to be tried against; one that is promoted in any case is not tried.
        var isStaged = promote && settings.Deploy == Deployment.Staged && champion is not null && run.ReadPromote() != PromotionMode.Always;
        if (isStaged) (promote, reason) = (false, $"in stages, a shadow first: {reason}");
        return new ModelCard(time.GetUtcNow(), promote, reason, Use, report.Comparison, report.ComparedRows, report.Gates, [.. Limits(judged, report)], isStaged, judged.Evaluation.Effort, judged.Evaluation.IsCorrectedForEffort, Importance(labeled.Set, judged.Result, training.Seed));
    }

    /// <summary>By leads that it was tested on; null when there are none.</summary>
    private static IReadOnlyList<FeatureImportance>? Importance(TrainingSet set, TrainingResult result, int seed)
    {
        if (result.TestRows.Length == 0) return null;
        var rows = (int[])result.TestRows.Clone();
        new Random(seed).Shuffle(rows);
        var (width, used) = (set.Profile.Features.Count, result.Model.Profile.Features.Select(f => set.Profile.IndexOf(f.Name)).ToArray());
        return FeatureImportance.Of(result.Model, [.. rows.Take(MostImportanceRows).SelectMany(r => used.Select(f => set.Values[(r * width) + f]))]);
    }

    private async Task<ChampionFacts?> ChampionAsync(string organizationId, LabeledSet labeled, CancellationToken cancellationToken)
    {
        if (await models.ChampionVersionAsync(organizationId, cancellationToken) is not { } version) return null;
        var manifest = (await models.GetAsync(organizationId, version, cancellationToken)).ReadManifest();
        var learned = await models.LearnedAsync(organizationId, version, cancellationToken);
        var facts = new ChampionFacts
        {
            Version = version,
            // Against outcomes as they are a model looks better that has learned whom the team calls.
            OutOfFold = manifest.Evaluation?.IsCorrectedForEffort == true == labeled.Set.Weights is not null ? manifest.OutOfFold?.Ensemble : null,
             LeftOutFeatures = manifest.LeftOutFeatures, LearnedLeads = learned?.Length ?? 0,
            Learned = learned is null ? KnownByTime(manifest, labeled.Set) : [.. labeled.LeadIds.Select(id => LearnedLeads.Contains(learned, id))],
        };
        try
        {
            var bundle = ModelBundle.Read(await models.GetBundleAsync(organizationId, version, cancellationToken));
            return bundle.FeaturesHash == labeled.Set.Profile.FeaturesHash ? facts with { Model = bundle.Model } : facts;
        }
        catch (BundleException)
        {
            return facts;
        }
    }

    /// <summary>Imported versions, and those from before lists were kept: what was decided after the window of their training they cannot have learned from.</summary>
    private static bool[]? KnownByTime(BundleManifest manifest, TrainingSet set) =>
        set.AsOfMs is { } asOf ? Array.ConvertAll(asOf, ms => ms <= (manifest.WindowToMs ?? manifest.TrainedAtMs)) : null;

    private static (bool Promote, string Reason) Decide(
        PromotionMode mode, ChampionFacts? champion, GateReport report, GateSettings settings, TrainingSet set, TrainingResult result, TrainingSettings training)
    {
        var blocked = string.Join(" ", report.Gates.Where(g => g.Verdict == GateVerdict.Block).Select(g => $"{g.Name}: {g.Reason}"));
        if (mode == PromotionMode.Never) return (false, "promotion was not asked for");
        if (mode == PromotionMode.Always) return (true, $"{(champion is null ? "first model, and " : "")}promotion was asked for in any case{(blocked.Length > 0 ? $", though gates would have stopped it: {blocked}" : "")}");
        var first = champion is null ? ColdStart.Judge(set, result.CalibrationRows, result.OutOfFoldProbabilities, training) : null;
        if (first is { IsProven: false }) return (false, $"first model: {first.Reason}; rules and outcomes go on scoring");
        if (blocked.Length > 0) return (false, $"stopped by a gate: {blocked}");
        if (!settings.AutoDeploy) return (false, "the gates pass; auto_deploy is off, so somebody has to promote it");
        if (first is not null) return (true, $"first model: {first.Reason}");
        return (true, $"gates passed: {report.Gates.FirstOrDefault(g => g.Name == "loss")?.Reason ?? report.Comparison}");
    }

    private static IEnumerable<string> Limits(JudgedTraining judged, GateReport report)
    {
        yield return report.Comparison;
        if (judged.Evaluation.RuleSinceMs is { } since) yield return $"Outcomes follow another rule since {MomentConverter.Text(Moment.Of(since))}: it learned from leads decided since then alone.";
        if (judged.Evaluation.WhyNoForward is { } why) yield return $"Not tested forward in time: {why}.";
        if (judged.Evaluation.Waiting is { } waiting) yield return waiting;
        foreach (var segment in (judged.Evaluation.Forward ?? judged.Evaluation.Stratified).Segments.Where(s => s.IsOff).Take(5))
            yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{segment.Feature} '{segment.Segment}': {segment.Predicted:0.000} predicted, {segment.Observed:0.000} observed ({segment.Leads:N0} leads).");
        yield return judged.Evaluation.IsCorrectedForEffort
            ? "Corrected for effort: it learned from leads that were worked, each standing for those like it that were not, and its probabilities are of leads that are worked."
            : "It learned from leads that were worked on as they were: of leads that nobody calls it knows less.";
        if (judged.Evaluation.Effort is { Verdict: not EffortVerdict.Fine } effort && !(judged.Evaluation.IsCorrectedForEffort && effort.Verdict == EffortVerdict.Correct)) yield return effort.Advice;
    }
}
