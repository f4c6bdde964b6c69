using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class ImportModel
{
    internal const long MaxBytes = 256_000_000;

    /// <param name="FitsProfile">Whether its features are those of the active profile, so that it can be promoted.</param>
    public sealed record Response(int Version, bool FitsProfile);

    internal static async Task<Created<Response>> HandleAsync(
        HttpRequest request, Caller caller, ModelStore store, Organizations.ProfileStore profiles, Database database, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, cancellationToken);
        var bytes = buffer.ToArray();
        ModelBundle bundle;
        try
        {
            bundle = ModelBundle.Read(bytes);
        }
        catch (BundleException e)
        {
            throw ProblemException.Invalid("", e.Message);
        }

        var model = new NewVersion(bundle, bytes);
        var version = await database.WriteAsync(transaction => store.AddAsync(transaction, caller.OrganizationId, model, "imported", cancellationToken), cancellationToken);
        var profile = await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Created($"/v1/models/{version}", new Response(version, profile.Profile.FeaturesHash == bundle.FeaturesHash));
    }
}
