using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class GetModel
{
    /// <param name="Anchor">What moves its probabilities to the present; absent when nothing was looked at yet.</param>
    /// <param name="AnchoredAt">When that was decided.</param>
    public sealed record Response(int Version, bool IsChampion, string Origin, DateTimeOffset CreatedAt, Anchor? Anchor, DateTimeOffset? AnchoredAt, BundleManifest Manifest);

    internal static async Task<Ok<Response>> HandleAsync(int version, Caller caller, ModelStore store, AnchorStore anchors, CancellationToken cancellationToken)
    {
        var anchor = await anchors.GetAsync(caller.OrganizationId, version, cancellationToken);
        var row = await store.GetAsync(caller.OrganizationId, version, cancellationToken);
        return TypedResults.Ok(new Response(row.Version, row.IsChampion, row.Origin, Moment.Of(row.CreatedAtMs), anchor?.Read(), Moment.Of(anchor?.CreatedAtMs), row.ReadManifest()));
    }
}

internal static class GetModelBundle
{
    internal static async Task<FileContentHttpResult> HandleAsync(int version, Caller caller, ModelStore store, CancellationToken cancellationToken) =>
        TypedResults.File(await store.GetBundleAsync(caller.OrganizationId, version, cancellationToken), "application/zip", $"model-{version}.zip");
}
