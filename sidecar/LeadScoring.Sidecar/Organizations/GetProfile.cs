using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

internal static class GetProfile
{
    /// <param name="Version">Grows by one with each change.</param>
    /// <param name="Hash">SHA-256 of the text; models name the profile they were trained with by it.</param>
    public sealed record Response(string Name, int Version, string Hash, IReadOnlyList<string> Features, string Yaml);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, ProfileStore profiles, CancellationToken cancellationToken) =>
        TypedResults.Ok(Answer(await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)));

    internal static Response Answer(ActiveProfile active) =>
        new(active.Profile.Name, active.Version, active.Profile.Hash, [.. active.Profile.Features.Select(f => f.Name)], active.Profile.Yaml);
}
