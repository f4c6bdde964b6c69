using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class GetModel
{
    /// <param name="Anchor">What moves its probabilities to the present; absent when nothing was looked at yet.</param>
    /// <param name="AnchoredAt">When that was decided.</param>
    /// <param name="Card">How it was judged; absent when it was imported.</param>
    /// <param name="Aliases">Names that stand for it.</param>
    public sealed record Response(
        int Version, bool IsChampion, IReadOnlyList<ModelAlias> Aliases, string Origin, DateTimeOffset CreatedAt, ModelLineage Lineage, ModelCard? Card, Anchor? Anchor, DateTimeOffset? AnchoredAt, BundleManifest Manifest);

    internal static async Task<Ok<Response>> HandleAsync(int version, Caller caller, ModelStore store, ModelAliasStore aliases, AnchorStore anchors, CancellationToken cancellationToken)
    {
        var anchor = await anchors.GetAsync(caller.OrganizationId, version, cancellationToken);
        var row = await store.GetAsync(caller.OrganizationId, version, cancellationToken);
        var manifest = row.ReadManifest();
        return TypedResults.Ok(new Response(
            row.Version, row.IsChampion, AliasesOf(row, await aliases.ListAsync(caller.OrganizationId, cancellationToken)), row.Origin, Moment.Of(row.CreatedAtMs), ModelLineage.Of(row, manifest), row.ReadCard(), anchor?.Read(),
            Moment.Of(anchor?.CreatedAtMs), manifest));
    }

    internal static IReadOnlyList<ModelAlias> AliasesOf(ModelRow row, IReadOnlyDictionary<ModelAlias, int> aliases) =>
        row.IsChampion ? [ModelAlias.Champion] : [.. aliases.Where(a => a.Value == row.Version).Select(a => a.Key).Order()];
}

internal static class GetModelBundle
{
    internal static async Task<FileContentHttpResult> HandleAsync(int version, Caller caller, ModelStore store, AuditLog audit, Database database, CancellationToken cancellationToken)
    {
        var bundle = await store.GetBundleAsync(caller.OrganizationId, version, cancellationToken);
        await audit.AppendAsync(database, caller.OrganizationId, AuditKind.Exported, $"model {version}", null, cancellationToken);
        return TypedResults.File(bundle, "application/zip", $"model-{version}.zip");
    }
}
