namespace LeadScoring.Sidecar.Privacy;

internal static class PrivacyServices
{
    internal static IServiceCollection AddPrivacy(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RetentionOptions>().Bind(configuration.GetSection(RetentionOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RetentionWalk>();
        services.AddSingleton<Retention>();
        return services;
    }
}
