using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

internal static class TrainingEndpoints
{
    internal static IServiceCollection AddTraining(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<TrainingOptions>().Bind(configuration.GetSection(TrainingOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<TrainingRunStore>();
        services.AddSingleton<WorkedLeads>();
        services.AddSingleton<TrainingData>();
        services.AddSingleton<TrainModel>();
        services.AddSingleton<StageModel>();
        services.AddSingleton<AnchorModel>();
        services.AddSingleton<GatePolicyStore>();
        services.AddSingleton<JudgeModel>();
        services.AddSingleton<DecideRetrain>();
        services.AddJob<WeeklyRetrain>("retrain", "0 0 3 ? * SUN", "Trains a new model on all outcomes, if there is something to learn.");
        services.AddJob<CheckRetrain>("retrain_check", "0 30 * * * ?", "Trains between the weeks when drift, lost performance or many new outcomes ask for it.");
        services.AddJob<CollectOutcomes>("outcomes", "0 15 2 * * ?", "Holds the champion against matured outcomes, and moves its probabilities if that is called for.");
        services.AddSingleton<TrainingProcess>();
        services.AddSingleton(provider => TrainingGauges.Of(provider.GetRequiredService<Database>(), provider.GetRequiredService<TimeProvider>()));
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
            .WithMetadata(new Unhurried()).WithName("StartExternalTraining").WithSummary("Queues a run that makes a model around XGBoost members trained elsewhere on the exported matrix (zip of export.json, profile.yml, gradient_boosting.json and, if trained too, random_forest.json).");
        group.MapGet("", ListTrainingRuns.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListTrainingRuns").WithSummary("Lists training runs, the newest first.");
        group.MapGet("/{runId}", GetTrainingRun.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetTrainingRun").WithSummary("Progress and result of a training run.");
        group.MapGet("/{runId}/events", FollowTrainingRun.HandleAsync).RequireScope(ApiScope.Score)
            .WithMetadata(new Unhurried()).WithName("FollowTrainingRun").WithSummary("Progress of a training run as server-sent events, until it ends.");
        group.MapPost("/{runId}/cancel", CancelTrainingRun.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("CancelTrainingRun").WithSummary("Stops a training run that waits or runs; nothing of it is kept.");
        group.MapGet("/decisions", ListRetrainDecisions.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListRetrainDecisions").WithSummary("What asked for a new model, and whether a training began or why none did.");
        routes.MapGet("/gates", Gates.GetAsync).RequireScope(ApiScope.Score).WithTags("Training")
            .WithName("GetGates").WithSummary("What a new model must show before it becomes the champion.");
        routes.MapPut("/gates", Gates.PutAsync).Accepts<LeadScoring.Ml.Training.GateSettings>("application/json").RequireScope(ApiScope.Admin).WithTags("Training")
            .WithName("PutGates").WithSummary("Sets the organization's own margins and targets; what is not said has its default.");
        routes.MapDelete("/gates", Gates.DeleteAsync).RequireScope(ApiScope.Admin).WithTags("Training")
            .WithName("DeleteGates").WithSummary("Goes back to the default margins and targets.");
        routes.MapPost("/models/{version:int}/anchor", PostAnchor.HandleAsync).RequireScope(ApiScope.Admin).WithTags("Models")
            .WithMetadata(new Unhurried()).WithName("AnchorModel").WithSummary("Holds a version's probabilities against recent matured outcomes and moves them to the present base rate if that is called for.");
        routes.MapGet("/training-data", GetTrainingData.HandleAsync).RequireScope(ApiScope.Admin).Produces(200, contentType: "text/csv").WithTags("Training")
            .WithMetadata(new Unhurried()).WithName("ExportTrainingData").WithSummary("The training set as CSV: a row a lead with an outcome, as of its decision moment.");
        routes.MapGet("/training-data/matrix", GetTrainingMatrix.HandleAsync).RequireScope(ApiScope.Admin).Produces(200, contentType: "application/zip").WithTags("Training")
            .WithMetadata(new Unhurried()).WithName("ExportTrainingMatrix").WithSummary("The encoded training rows (zip with matrix.csv) for training XGBoost elsewhere; leads that calibrate and test are held back.");
    }
}
