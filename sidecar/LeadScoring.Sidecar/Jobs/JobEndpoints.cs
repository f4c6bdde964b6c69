using LeadScoring.Sidecar.Api;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Jobs;

internal static class JobEndpoints
{
    internal static IServiceCollection AddJobs(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<JobOptions>().Bind(configuration.GetSection(JobOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<JobOptions>, JobOptionsCheck>();
        services.AddSingleton(provider => new JobSchedules(provider.GetRequiredService<IOptions<JobOptions>>().Value, provider.GetServices<ScheduledJob>()));
        services.AddSingleton<JobRunStore>();
        services.AddSingleton<OwnScheduleStore>();
        services.AddSingleton<RunJob>();
        services.AddSingleton<JobScheduler>();
        services.AddHostedService(provider => provider.GetRequiredService<JobScheduler>());
        return services;
    }

    internal static void MapJobs(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/jobs").WithTags("Jobs");
        group.MapGet("", ListJobs.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListJobs").WithSummary("Scheduled jobs: when they run, what their last runs for the organization gave.");
        group.MapPost("/{name}/run", PostJobRun.HandleAsync).WithMetadata(new WriteOnce()).RequireScope(ApiScope.Admin)
            .WithName("RunJob").WithSummary("Runs a job for the organization now.");
        group.MapPut("/{name}/schedule", PutSchedule.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("PutJobSchedule").WithSummary("Sets when a job runs for the organization, or that it never does; others keep the schedule of the install.");
        group.MapDelete("/{name}/schedule", DeleteSchedule.HandleAsync).RequireScope(ApiScope.Admin)
            .WithName("DeleteJobSchedule").WithSummary("Goes back to the schedule of the install.");
    }
}
