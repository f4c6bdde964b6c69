using System.Globalization;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Training;

/// <summary>Turns wishes for a new model into one training run, or into a skip that says why nothing could be learned.</summary>
internal sealed class DecideRetrain(RetrainStore wishes, TrainingRunStore runs, ModelStore models, OutcomeStore outcomes, IOptions<TrainingOptions> options, TimeProvider time)
{
    /// <returns>What was decided, in words.</returns>
    internal async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        var last = (await runs.ListAsync(organizationId, 1, cancellationToken)).FirstOrDefault();
        var recorded = await outcomes.CountAsync(organizationId, last?.StartedAtMs ?? last?.CreatedAtMs ?? 0, cancellationToken);
        if (last is not null && recorded.New >= options.Value.RetrainAfterOutcomes)
            await wishes.AskAsync(organizationId, RetrainCause.Outcomes, string.Create(CultureInfo.InvariantCulture, $"{recorded.New:N0} outcomes were recorded since the last training began."), cancellationToken);
        var waiting = await wishes.WaitingAsync(organizationId, cancellationToken);
        if (waiting.Count == 0) return "Nothing asks for a training.";
        var causes = string.Join(", ", waiting.Select(w => w.Cause));
        var why = WhyNot(last, recorded, waiting);
        string? runId = null;
        try
        {
            if (why is null) runId = (await StartAsync(organizationId, waiting[0], cancellationToken)).RunId;
        }
        catch (ProblemException e) when (e.Kind == ProblemKind.Conflict)
        {
            // Another one was faster.
            why = e.Message;
        }

        await wishes.DecideAsync(organizationId, waiting, runId, why, cancellationToken);
        return why is null ? $"Training run {runId} is queued ({causes})." : $"Skipped ({causes}): {why}";
    }

    private async Task<TrainingRun> StartAsync(string organizationId, RetrainDecision first, CancellationToken cancellationToken)
    {
        var settings = new TrainingSettings();
        if (await models.ChampionVersionAsync(organizationId, cancellationToken) is { } champion)
        {
            var manifest = (await models.GetAsync(organizationId, champion, cancellationToken)).ReadManifest();
            // As the champion was trained: what a search found is fitted anew, not searched for again.
            settings = manifest.Tuning?.Used(manifest.Settings) ?? manifest.Settings;
        }

        return await runs.CreateAsync(organizationId, settings, new EvaluationSettings(), PromotionMode.Auto, null, isRunning: false, cancellationToken, Enum.Parse<RetrainCause>(first.Cause, ignoreCase: true));
    }

    private string? WhyNot(TrainingRun? last, OutcomeCounts counts, IReadOnlyList<RetrainDecision> waiting)
    {
        if (!XGBoostLibrary.IsAvailable) return XGBoostLibrary.WhyUnavailable;
        if (last is { Status: "queued" or "running" }) return "a training is queued or running.";
        if (counts.Converted < EnsembleTrainer.FewestPerClass || counts.NotConverted < EnsembleTrainer.FewestPerClass)
            return $"there are {counts.Converted} converted and {counts.NotConverted} not converted leads with an outcome; a training needs {EnsembleTrainer.FewestPerClass} of each.";
        // Outcomes that waited for their horizon then may count now, though nobody recorded anything.
        if (last is { Status: "succeeded", Notes: null } && counts.New == 0) return "no outcome was recorded or changed since the last training, and none waited for its horizon: there is nothing new to learn.";
        var earliest = Moment.Of((last?.StartedAtMs ?? 0) + (long)options.Value.RetrainPause.TotalMilliseconds);
        return last is not null && earliest > time.GetUtcNow() && waiting.All(w => w.Cause != RetrainStore.Text(RetrainCause.Weekly))
            ? $"the last training began at {MomentConverter.Text(Moment.Of(last.StartedAtMs ?? last.CreatedAtMs))}; between two that nobody asked for lie {options.Value.RetrainPause}."
            : null;
    }
}
