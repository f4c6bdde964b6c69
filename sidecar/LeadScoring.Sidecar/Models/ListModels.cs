using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class ListModels
{
    /// <param name="Origin">trained or imported.</param>
    /// <param name="Test">Metrics of the ensemble on its test rows.</param>
    public sealed record Item(
        int Version, bool IsChampion, IReadOnlyList<ModelAlias> Aliases, string Origin, DateTimeOffset CreatedAt, string Profile, int TrainRows, int TestRows, MetricSet? Test, ModelLineage Lineage);

    public sealed record Response(int? Champion, IReadOnlyList<Item> Models);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, ModelStore store, ModelAliasStore aliases, CancellationToken cancellationToken)
    {
        var rows = await store.ListAsync(caller.OrganizationId, cancellationToken);
        var named = await aliases.ListAsync(caller.OrganizationId, cancellationToken);
        var items = rows.Select(row =>
        {
            var manifest = row.ReadManifest();
            return new Item(
                row.Version, row.IsChampion, GetModel.AliasesOf(row, named), row.Origin, Moment.Of(row.CreatedAtMs), manifest.Profile, manifest.TrainRows, manifest.TestRows, manifest.Test?.Ensemble,
                ModelLineage.Of(row, manifest));
        });
        return TypedResults.Ok(new Response(rows.FirstOrDefault(r => r.IsChampion)?.Version, [.. items]));
    }
}
