using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LeadScoring.Ml.Experiments;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Experiments;

internal static class PostExperiment
{
    /// <summary>An experiment to be begun, with its rule.</summary>
    public sealed record Request(
        [property: Required, StringLength(200, MinimumLength = 1), Description("For people.")] string? Name,
        [property: Required, Range(1, int.MaxValue), Description("Version that is held against the champion.")] int? Challenger,
        ExperimentKind? Kind,
        ExperimentMetric? Metric = null, double? Share = null, double? Margin = null, double? Alpha = null, double? Guardrail = null, int? HorizonDays = null, double? Capacity = null, int? MostLeads = null,
        int? MostWeeks = null, double? Effect = null,
        [property: Description("Whether a challenger that wins becomes the champion by itself. Default true.")] bool Promote = true)
        : ExperimentRequest(Kind, Metric, Share, Margin, Alpha, Guardrail, HorizonDays, Capacity, MostLeads, MostWeeks, Effect);

    internal static async Task<Created<GetExperiment.Response>> HandleAsync(
        Request request, Caller caller, ModelStore models, ProfileStore profiles, LeadFlows flows, RunExperiment run, ActiveModels active, Database database, CancellationToken cancellationToken)
    {
        var profile = await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken);
        var (kind, rule, share) = request.Read(profile);
        var challenger = request.Challenger!.Value;
        if ((await models.GetAsync(caller.OrganizationId, challenger, cancellationToken)).FeaturesHash != profile.Profile.FeaturesHash)
            throw new ProblemException(ProblemKind.Conflict, $"Model {challenger} was made for other features than those of the active profile, so it cannot score the same leads.");
        var flow = await flows.GetAsync(caller.OrganizationId, rule.HorizonDays, cancellationToken);
        var plan = new ExperimentPlan(request.Name!, kind, challenger, share, rule, request.Promote);
        var experiment = await database.WriteAsync(transaction => run.BeginAsync(transaction, caller.OrganizationId, plan, flow, cancellationToken), cancellationToken);
        active.Forget(caller.OrganizationId);
        return TypedResults.Created($"/v1/experiments/{experiment.ExperimentId}", GetExperiment.Of(experiment));
    }
}
