using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Experiments;

internal static class ExperimentEndpoints
{
    internal static IServiceCollection AddExperiments(this IServiceCollection services)
    {
        services.AddSingleton<ExperimentStore>();
        services.AddSingleton<ExperimentLeads>();
        services.AddSingleton(new LeadErasure("experiment_leads"));
        services.AddSingleton<LeadFlows>();
        services.AddSingleton<RunExperiment>();
        services.AddJob<CheckExperiments>("experiments", "0 40 * * * ?", "Looks at the outcomes of the experiment under way, and promotes or stops by its rule.");
        return services;
    }

    internal static void MapExperiments(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/experiments").WithTags("Experiments");
        group.MapGet("", ListExperiments.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListExperiments").WithSummary("Lists experiments, the newest first.");
        group.MapPost("", PostExperiment.HandleAsync).WithMetadata(new WriteOnce()).RequireScope(ApiScope.Admin)
            .WithName("StartExperiment").WithSummary("Holds a version against the champion by a rule that is written down now; the answer says whether the test can finish.");
        group.MapPost("/forecast", PostForecast.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ForecastExperiment").WithSummary("How many leads and weeks a test would need, whether it can finish, and what would help; nothing is stored.");
        group.MapGet("/{experimentId}", GetExperiment.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetExperiment").WithSummary("Rule, figures and decision of an experiment.");
        group.MapPost("/{experimentId}/stop", StopExperiment.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("StopExperiment").WithSummary("Ends an experiment; the champion stays.");
    }
}
