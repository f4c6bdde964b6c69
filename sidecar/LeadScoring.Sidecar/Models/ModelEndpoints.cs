using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Models;

internal static class ModelEndpoints
{
    internal static IServiceCollection AddModels(this IServiceCollection services)
    {
        services.AddSingleton<ModelStore>();
        services.AddSingleton<ActiveModels>();
        return services;
    }

    internal static void MapModels(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/models").WithTags("Models");
        group.MapGet("", ListModels.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListModels").WithSummary("Lists all model versions, the newest first.");
        group.MapGet("/{version:int}", GetModel.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetModel").WithSummary("Reads a version's manifest: data window, settings, metrics, checksums.");
        group.MapGet("/{version:int}/bundle", GetModelBundle.HandleAsync).RequireScope(ApiScope.Admin).Produces(200, contentType: "application/zip")
            .WithName("DownloadModel").WithSummary("Downloads a version as a bundle (zip).");
        group.MapPost("/import", ImportModel.HandleAsync).RequireScope(ApiScope.Admin).Accepts<Stream>("application/zip", "application/octet-stream")
            .WithMetadata(new RequestSizeLimitMetadata(ImportModel.MaxBytes))
            .WithName("ImportModel").WithSummary("Adds a bundle as a new version; it is not promoted.");
        group.MapPost("/{version:int}/promote", PromoteModel.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("PromoteModel").WithSummary("Makes a version the champion.");
        group.MapPost("/rollback", RollbackModel.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("RollbackModel").WithSummary("Makes the champion before the current one the champion again.");
    }

    private sealed record RequestSizeLimitMetadata(long? MaxRequestBodySize) : Microsoft.AspNetCore.Http.Metadata.IRequestSizeLimitMetadata;
}
