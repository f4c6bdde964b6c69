using System.Text.Json.Serialization.Metadata;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

internal static class ModelEndpoints
{
    internal static IServiceCollection AddModels(this IServiceCollection services)
    {
        services.AddSingleton<ModelStore>();
        services.AddSingleton<ModelAliasStore>();
        services.AddSingleton<ErasedLearners>();
        services.AddSingleton<ModelTrialStore>();
        services.AddSingleton<RetrainStore>();
        services.AddSingleton<RulePosteriorStore>();
        services.AddSingleton<ContactNormsStore>();
        services.AddSingleton<AnchorStore>();
        services.AddSingleton<ActiveModels>();
        services.AddSingleton(provider => ChampionGauges.Of(provider.GetRequiredService<Database>(), provider.GetRequiredService<ActiveModels>(), provider.GetRequiredService<TimeProvider>()));
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolver =
            (json.SerializerOptions.TypeInfoResolver ?? new DefaultJsonTypeInfoResolver()).WithAddedModifier(LeaveOutUndefinedMetrics));
        return services;
    }

    /// <summary>A metric may be undefined (the precision of grade A where nobody got one), and JSON has no NaN: it is left out.</summary>
    private static void LeaveOutUndefinedMetrics(JsonTypeInfo type)
    {
        if (type.Type.Assembly != typeof(MetricSet).Assembly) return;
        foreach (var property in type.Properties.Where(p => p.PropertyType == typeof(double)))
            property.ShouldSerialize = static (_, value) => value is double number && double.IsFinite(number);
    }

    internal static void MapModels(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/models").WithTags("Models");
        group.MapGet("", ListModels.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListModels").WithSummary("Lists all model versions, the newest first.");
        group.MapGet("/{version:int}", GetModel.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetModel").WithSummary("Reads a version's manifest: data window, settings, metrics, checksums.");
        group.MapGet("/{version:int}/bundle", GetModelBundle.HandleAsync).RequireScope(ApiScope.Admin).Produces(200, contentType: "application/zip")
            .WithMetadata(new Unhurried()).WithName("DownloadModel").WithSummary("Downloads a version as a bundle (zip).");
        group.MapPost("/import", ImportModel.HandleAsync).WithMetadata(new WriteOnce()).RequireScope(ApiScope.Admin).Accepts<Stream>("application/zip", "application/octet-stream")
            .WithMetadata(new RouteBodyLimit(ImportModel.MaxBytes))
            .WithMetadata(new Unhurried()).WithName("ImportModel").WithSummary("Adds a bundle as a new version; it is not promoted.");
        group.MapGet("/{version:int}/card", GetModelCard.HandleAsync).RequireScope(ApiScope.Score).Produces(200, contentType: "text/html")
            .WithName("GetModelCard").WithSummary("The model card as a page: how the version was judged, where it comes from, where it must not be trusted.");
        group.MapGet("/{a:int}/diff/{b:int}", GetModelDiff.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("DiffModels").WithSummary("What two versions differ in: origin, parameters, features, metrics, libraries.");
        group.MapPut("/aliases/{alias}", PutModelAlias.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("PutModelAlias").WithSummary("Lets challenger or shadow stand for a version.");
        group.MapDelete("/aliases/{alias}", PutModelAlias.DeleteAsync).RequireScope(ApiScope.Admin)
            .WithName("DeleteModelAlias").WithSummary("Lets challenger or shadow stand for no version.");
        group.MapPost("/{version:int}/promote", PromoteModel.HandleAsync).WithMetadata(new WriteOnce()).RequireScope(ApiScope.Admin)
            .WithName("PromoteModel").WithSummary("Makes a version the champion.");
        group.MapPost("/rollback", RollbackModel.HandleAsync).WithMetadata(new WriteOnce()).RequireScope(ApiScope.Admin)
            .WithName("RollbackModel").WithSummary("Makes the champion before the current one the champion again.");
    }
}
