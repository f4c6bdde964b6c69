using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

/// <summary>What two versions differ in: origin, parameters, features, metrics with their intervals, libraries.</summary>
internal static class GetModelDiff
{
    /// <param name="Path">Where, such as settings.gradient_boosting.rounds or forward.metrics.roc_auc.</param>
    /// <param name="A">Value in the first; absent when it has none.</param>
    /// <param name="B">Value in the second.</param>
    public sealed record Difference(string Path, string? A, string? B);

    /// <param name="FeaturesAdded">Features that the second model uses and the first does not.</param>
    /// <param name="FeaturesRemoved">The other way round.</param>
    public sealed record Response(int A, int B, IReadOnlyList<string> FeaturesAdded, IReadOnlyList<string> FeaturesRemoved, IReadOnlyList<Difference> Differences);

    internal static async Task<Ok<Response>> HandleAsync(int a, int b, Caller caller, ModelStore store, CancellationToken cancellationToken)
    {
        var (one, other) = (await store.GetAsync(caller.OrganizationId, a, cancellationToken), await store.GetAsync(caller.OrganizationId, b, cancellationToken));
        var (oneUses, otherUses) = (await FeaturesAsync(store, caller.OrganizationId, a, cancellationToken), await FeaturesAsync(store, caller.OrganizationId, b, cancellationToken));
        var (left, right) = (Facts(one), Facts(other));
        return TypedResults.Ok(new Response(a, b, [.. otherUses.Except(oneUses)], [.. oneUses.Except(otherUses)],
        [
            .. from path in left.Keys.Union(right.Keys).Order(StringComparer.Ordinal)
               let before = left.GetValueOrDefault(path)
               let after = right.GetValueOrDefault(path)
               where before != after
               select new Difference(path, before, after),
        ]));
    }

    private static async Task<string[]> FeaturesAsync(ModelStore store, string organizationId, int version, CancellationToken cancellationToken)
    {
        try
        {
            return [.. ModelBundle.Read(await store.GetBundleAsync(organizationId, version, cancellationToken)).Model.Profile.Features.Select(f => f.Name)];
        }
        catch (BundleException e)
        {
            throw new ProblemException(ProblemKind.Conflict, $"Version {version} cannot be read: {e.Message}");
        }
    }

    private static Dictionary<string, string> Facts(ModelRow row)
    {
        var manifest = row.ReadManifest();
        var facts = new Dictionary<string, string>(StringComparer.Ordinal);
        Add("lineage", ModelLineage.Of(row, manifest));
        Add("settings", manifest.Settings);
        Add("libraries", manifest.Libraries);
        if (manifest.Evaluation is { } evaluation)
        {
            Add("stratified", new { evaluation.Stratified.Metrics, evaluation.Stratified.Intervals });
            if (evaluation.Forward is { } forward) Add("forward", new { forward.Metrics, forward.Intervals });
        }

        return facts;

        void Add<T>(string part, T value) => Flatten(part, JsonSerializer.SerializeToNode(value, ModelStore.ManifestJson), facts);
    }

    private static void Flatten(string path, JsonNode? node, Dictionary<string, string> facts)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (name, value) in members) Flatten($"{path}.{name}", value, facts);
                break;
            case JsonArray items:
                facts[path] = items.ToJsonString();
                break;
            case not null:
                facts[path] = node.ToString();
                break;
            default:
                break;
        }
    }
}
