using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

/// <summary>What a run gave.</summary>
/// <param name="TestLeadIds">The leads that the test figures of the manifest are about.</param>
internal sealed record TrainedVersion(int Version, bool IsPromoted, string Reason, BundleManifest Manifest, IReadOnlyList<string> TestLeadIds);

/// <summary>One training from the stored outcomes to a new version in the registry. Runs in the training process.</summary>
internal sealed class TrainModel(
    TrainingData data, ProfileStore profiles, SamplingPolicyStore sampling, ModelStore models, JudgeModel judge, RulePosteriorStore posteriors, AnchorStore anchors, StageModel stages, ErasedLearners erased, TrainingRunStore runs, Database database, TimeProvider time)
{
    /// <exception cref="TrainingException">Too few outcomes, or no native library.</exception>
    /// <exception cref="BundleException">Members that were trained elsewhere do not fit the profile.</exception>
    internal async Task<TrainedVersion> RunAsync(TrainingRun run, IProgress<TrainingProgress> progress, CancellationToken cancellationToken)
    {
        var settings = run.ReadSettings();
        var profile = (await profiles.GetActiveAsync(run.OrganizationId, cancellationToken)).Profile;
        var external = await runs.ExternalMembersAsync(run, cancellationToken);
        // Members that were trained elsewhere took outcomes as they are.
        var correct = external is null && (await sampling.GetAsync(run.OrganizationId, cancellationToken)).CorrectForEffort;
        var labeled = await data.BuildAsync(run.OrganizationId, profile, progress, cancellationToken, correct);
        labeled = labeled with { Facts = labeled.Facts with { RuleSinceMs = await RuleSinceAsync(run.OrganizationId, cancellationToken) } };
        await LearnRulesAsync(run, labeled.Set, settings, cancellationToken);
        var judged = external is { } members
            ? TrainingJudge.Run(labeled.Set, labeled.LeadIds, TrainingMatrix.Read(members, profile), settings, run.ReadEvaluation(), labeled.Facts, progress, cancellationToken)
            : TrainingJudge.Run(labeled.Set, settings, run.ReadEvaluation(), labeled.Facts, progress, cancellationToken);
        var result = judged.Result;
        judged = judged with { Evaluation = judged.Evaluation with { Waiting = labeled.Waiting, Effort = labeled.Effort, IsCorrectedForEffort = labeled.Set.Weights is not null } };
        var zip = ModelBundle.Write(labeled.Set, result, settings, time.NowMs(), judged);
        var bundle = ModelBundle.Read(zip);
        progress.Report(new TrainingProgress("Comparing with the champion", 1));
        var card = await judge.RunAsync(run, labeled, judged, cancellationToken);
        // Members that were trained elsewhere know leads that are no rows of the final fit here.
        var held = result.TestRows.ToHashSet();
        var stage = card.IsStaged ? await stages.PlanAsync(run.OrganizationId, cancellationToken) : null;
        var rows = judged.Evaluation.RuleSinceMs is null ? Enumerable.Range(0, labeled.LeadIds.Count).Where(r => !held.Contains(r)) : result.TrainRows;
        string[] learned = [.. rows.Where(r => labeled.Set.Weights?[r] is not 0).Select(r => labeled.LeadIds[r])];
        var (model, text, list) = (new NewVersion(bundle, zip), ModelStore.CardOf(card), LearnedLeads.Of(learned));
        return await database.WriteAsync(async transaction =>
        {
            var version = await models.AddAsync(transaction, run.OrganizationId, model, "trained", run.RunId, cancellationToken);
            await ModelStore.DescribeAsync(transaction, run.OrganizationId, version, text, await erased.NoteAsync(transaction, run.OrganizationId, version, learned, list, cancellationToken), cancellationToken);
            // In force from the first score on: what was trained may lie behind what is.
            await anchors.AddAsync(transaction, run.OrganizationId, version, judged.Anchor, AnchorStore.FromTraining, cancellationToken);
            if (labeled.Waiting is { } waiting) await runs.NoteAsync(transaction, run, waiting, cancellationToken);
            if (card.IsPromoted) await PromoteModel.PromoteAsync(transaction, run.OrganizationId, version, card.Decision, models, time, cancellationToken);
            var decision = stage is null ? card.Decision : $"{card.Decision} {await stages.BeginAsync(transaction, run.OrganizationId, version, stage, cancellationToken)}";
            if (!await runs.SucceedAsync(transaction, run, version, card.IsPromoted, decision, cancellationToken))
                throw new TrainingException("The run was cancelled, or taken over by another process; this result is dropped.");
            return new TrainedVersion(version, card.IsPromoted, decision, bundle.Manifest, [.. result.TestRows.Select(r => labeled.LeadIds[r])]);
        }, cancellationToken);
    }

    private async Task<long?> RuleSinceAsync(string organizationId, CancellationToken cancellationToken) =>
        await models.ChampionVersionAsync(organizationId, cancellationToken) is { } champion ? (await models.GetAsync(organizationId, champion, cancellationToken)).ReadManifest().Evaluation?.RuleSinceMs : null;

    /// <summary>
    /// What the outcomes say about the rules is kept before anything else: it scores while there is no model, also when there are too few outcomes for one.
    /// </summary>
    private async Task LearnRulesAsync(TrainingRun run, TrainingSet set, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var rows = set.UsableRows;
        if (rows.Length == 0) return;
        var posterior = ColdStart.Fit(set, rows, settings.Seed);
        await database.WriteAsync(async transaction =>
        {
            await ModelStore.LockAsync(transaction, run.OrganizationId, cancellationToken);
            await posteriors.PutAsync(transaction, run.OrganizationId, posterior, cancellationToken);
            if (await ModelStore.ChampionVersionAsync(transaction, run.OrganizationId, cancellationToken) is null)
                await RescoringRunStore.StartAsync(transaction, run.OrganizationId, RescoringReason.Rules, time.NowMs(), cancellationToken);
            return true;
        }, cancellationToken);
    }
}
