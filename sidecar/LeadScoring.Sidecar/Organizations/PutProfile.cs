using System.ComponentModel.DataAnnotations;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class PutProfile
{
    /// <param name="Yaml">The whole feature profile.</param>
    /// <param name="OrganizationId">Must be the caller's own when given.</param>
    public sealed record Request([property: Required, StringLength(1_000_000, MinimumLength = 1)] string? Yaml, string? OrganizationId = null);

    internal static async Task<Ok<GetProfile.Response>> HandleAsync(Request request, Caller caller, ProfileStore profiles, CancellationToken cancellationToken)
    {
        caller.Demand(request.OrganizationId);
        FeatureProfile profile;
        try
        {
            profile = FeatureProfile.Parse(request.Yaml!);
        }
        catch (ProfileException e)
        {
            throw ProblemException.Invalid("/yaml", e.Message);
        }

        return TypedResults.Ok(GetProfile.Answer(await profiles.PutAsync(caller.OrganizationId, profile, cancellationToken)));
    }
}
