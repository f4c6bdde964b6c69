using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Experiments;

internal static class PostForecast
{
    internal static async Task<Ok<ForecastAnswer>> HandleAsync(ExperimentRequest request, Caller caller, ProfileStore profiles, LeadFlows flows, CancellationToken cancellationToken)
    {
        var (kind, rule, share) = request.Read(await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken));
        return TypedResults.Ok(ForecastAnswer.Of(kind, rule, share, await flows.GetAsync(caller.OrganizationId, rule.HorizonDays, cancellationToken)));
    }
}
