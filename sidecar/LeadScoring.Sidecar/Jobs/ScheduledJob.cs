using Microsoft.Extensions.DependencyInjection.Extensions;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>What a job does for one organization. Doing it twice must do no harm: a run whose process dies is run again.</summary>
internal interface IOrganizationJob
{
    /// <returns>What came of it, in words; a skip says why.</returns>
    Task<string> RunAsync(string organizationId, CancellationToken cancellationToken);
}

/// <summary>A job that can be asked for a part of what it does, such as one account of several.</summary>
internal interface IPartialJob : IOrganizationJob
{
    /// <param name="part">Which part; a name that the job itself gives out.</param>
    /// <returns>As <see cref="IOrganizationJob.RunAsync"/>.</returns>
    Task<string> RunPartAsync(string organizationId, string part, CancellationToken cancellationToken);
}

/// <summary>A job of the schedule.</summary>
/// <param name="Name">Lower snake case; part of the API and of the settings.</param>
/// <param name="Cron">When, unless the settings say otherwise: six fields, seconds first.</param>
/// <param name="Summary">What it does, for people.</param>
/// <param name="Work">Class that does it.</param>
internal sealed record ScheduledJob(string Name, string Cron, string Summary, Type Work);

/// <summary>All organizations. Given by the slice that owns them.</summary>
internal delegate Task<IReadOnlyList<string>> ListOrganizations(CancellationToken cancellationToken);

internal static class ScheduledJobExtensions
{
    /// <summary>Puts a job on the schedule.</summary>
    internal static IServiceCollection AddJob<TWork>(this IServiceCollection services, string name, string cron, string summary) where TWork : class, IOrganizationJob
    {
        services.TryAddSingleton<TWork>();
        return services.AddSingleton(new ScheduledJob(name, cron, summary, typeof(TWork)));
    }
}
