using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Training;

internal static class TrainingEndpoints
{
    internal static IServiceCollection AddTraining(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<TrainingOptions>().Bind(configuration.GetSection(TrainingOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<TrainingRunStore>();
        services.AddSingleton<TrainingData>();
        services.AddSingleton<TrainModel>();
        services.AddSingleton<AnchorModel>();
        services.AddSingleton<TrainingProcess>();
        services.AddHostedService<TrainingQueue>();
        return services;
    }

    internal static void MapTraining(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/training-runs").WithTags("Training");
        group.MapPost("", PostTrainingRun.HandleAsync).WithMetadata(new WriteOnce()).Accepts<PostTrainingRun.Request>("application/json").RequireScope(ApiScope.Admin)
            .WithName("StartTraining").WithSummary("Queues a training on all outcomes; poll the run for progress.");
        group.MapPost("/external", PostExternalTrainingRun.HandleAsync).Accepts<Stream>("application/zip", "application/octet-stream").RequireScope(ApiScope.Admin)
            .WithMetadata(new RouteBodyLimit(PostExternalTrainingRun.MaxBytes))
            .WithName("StartExternalTraining").WithSummary("Queues a run that makes a model around XGBoost members trained elsewhere on the exported matrix (zip of export.json, profile.yml, gradient_boosting.json and, if trained too, random_forest.json).");
        group.MapGet("", ListTrainingRuns.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListTrainingRuns").WithSummary("Lists training runs, the newest first.");
        group.MapGet("/{runId}", GetTrainingRun.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetTrainingRun").WithSummary("Progress and result of a training run.");
        routes.MapPost("/models/{version:int}/anchor", PostAnchor.HandleAsync).RequireScope(ApiScope.Admin).WithTags("Models")
            .WithName("AnchorModel").WithSummary("Holds a version's probabilities against recent matured outcomes and moves them to the present base rate if that is called for.");
        routes.MapGet("/training-data", GetTrainingData.HandleAsync).RequireScope(ApiScope.Admin).Produces(200, contentType: "text/csv").WithTags("Training")
            .WithName("ExportTrainingData").WithSummary("The training set as CSV: a row a lead with an outcome, as of its decision moment.");
        routes.MapGet("/training-data/matrix", GetTrainingMatrix.HandleAsync).RequireScope(ApiScope.Admin).Produces(200, contentType: "application/zip").WithTags("Training")
            .WithName("ExportTrainingMatrix").WithSummary("The encoded training rows (zip with matrix.csv) for training XGBoost elsewhere; leads that calibrate and test are held back.");
    }
}
