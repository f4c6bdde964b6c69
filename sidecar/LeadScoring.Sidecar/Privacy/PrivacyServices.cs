using LeadScoring.Sidecar.Jobs;

namespace LeadScoring.Sidecar.Privacy;

internal static class PrivacyServices
{
    internal static IServiceCollection AddPrivacy(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RetentionOptions>().Bind(configuration.GetSection(RetentionOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RetentionWalk>();
        services.AddSingleton<Retention>();
        services.AddJob<RetentionJob>("retention", "0 30 1 * * ?", "Removes events and rows of the score ledger that are older than the settings keep, and makes room for the months to come.");
        return services;
    }
}
