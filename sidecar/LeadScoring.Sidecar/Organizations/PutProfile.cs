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

    internal const long MaxBytes = 1_000_000;

    internal static Task<Ok<GetProfile.Response>> HandleAsync(Request request, Caller caller, ProfileStore profiles, CancellationToken cancellationToken)
    {
        caller.Demand(request.OrganizationId);
        return PutAsync(request.Yaml!, "/yaml", caller, profiles, cancellationToken);
    }

    /// <summary>The file as it is, for whoever has it on disk.</summary>
    internal static async Task<Ok<GetProfile.Response>> HandleYamlAsync(HttpRequest request, Caller caller, ProfileStore profiles, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(request.Body);
        return await PutAsync(await reader.ReadToEndAsync(cancellationToken), "", caller, profiles, cancellationToken);
    }

    private static async Task<Ok<GetProfile.Response>> PutAsync(string yaml, string pointer, Caller caller, ProfileStore profiles, CancellationToken cancellationToken)
    {
        FeatureProfile profile;
        try
        {
            profile = FeatureProfile.Parse(yaml);
        }
        catch (ProfileException e)
        {
            throw ProblemException.Invalid(pointer, e.Message);
        }

        return TypedResults.Ok(GetProfile.Answer(await profiles.PutAsync(caller.OrganizationId, profile, cancellationToken)));
    }
}
