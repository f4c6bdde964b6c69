using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class GetModel
{
    public sealed record Response(int Version, bool IsChampion, string Origin, DateTimeOffset CreatedAt, BundleManifest Manifest);

    internal static async Task<Ok<Response>> HandleAsync(int version, Caller caller, ModelStore store, CancellationToken cancellationToken)
    {
        var row = await store.GetAsync(caller.OrganizationId, version, cancellationToken);
        return TypedResults.Ok(new Response(row.Version, row.IsChampion, row.Origin, Moment.Of(row.CreatedAtMs), row.ReadManifest()));
    }
}

internal static class GetModelBundle
{
    internal static async Task<FileContentHttpResult> HandleAsync(int version, Caller caller, ModelStore store, CancellationToken cancellationToken) =>
        TypedResults.File(await store.GetBundleAsync(caller.OrganizationId, version, cancellationToken), "application/zip", $"model-{version}.zip");
}
