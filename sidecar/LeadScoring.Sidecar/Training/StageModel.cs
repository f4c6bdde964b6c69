using LeadScoring.Ml.Experiments;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

/// <summary>The stages of an organization's next model, and the flow of leads that its forecast rests on.</summary>
internal sealed record StagePlan(ExperimentRule Shadow, NextStage Split, LeadFlow Flow);

/// <summary>Deployment in stages: a version that passed the gates is held against the champion on the same leads, then on a share of new ones.</summary>
internal sealed class StageModel(GatePolicyStore policies, ProfileStore profiles, LeadFlows flows, RunExperiment run)
{
    internal async Task<StagePlan> PlanAsync(string organizationId, CancellationToken cancellationToken)
    {
        var settings = await policies.GetAsync(organizationId, cancellationToken) ?? new GateSettings();
        var horizon = (await profiles.GetActiveAsync(organizationId, cancellationToken)).Profile.HorizonDays;
        var shadow = new ExperimentRule { Metric = ExperimentMetric.LogLoss, Margin = settings.LossMargin, HorizonDays = horizon, MostWeeks = settings.StagedWeeks };
        var split = new ExperimentRule { Metric = ExperimentMetric.Conversion, Margin = settings.StagedMargin, Guardrail = settings.StagedMargin, HorizonDays = horizon, MostWeeks = settings.StagedWeeks };
        return new StagePlan(shadow, new NextStage(ExperimentKind.Split, settings.StagedShare, split), await flows.GetAsync(organizationId, horizon, cancellationToken));
    }

    /// <returns>What was begun, or why nothing was, in words.</returns>
    internal async Task<string> BeginAsync(WriteTransaction transaction, string organizationId, int version, StagePlan stages, CancellationToken cancellationToken)
    {
        if (await ExperimentStore.RunningAsync(transaction, organizationId, cancellationToken) is { HasTrial: true } running)
            return $"Experiment {running.ExperimentId} ({running.Name}) is under way, so this version waits for somebody to try it: a test that begins anew with every training never ends.";
        var plan = new ExperimentPlan($"Version {version} in stages", ExperimentKind.Shadow, version, ExperimentRequest.EvenShare, stages.Shadow, Promotes: true, stages.Split);
        var experiment = await run.BeginAsync(transaction, organizationId, plan, stages.Flow, cancellationToken);
        return $"Experiment {experiment.ExperimentId} began.";
    }
}
