using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Privacy;

internal static class PrivacyServices
{
    internal static IServiceCollection AddPrivacy(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RetentionOptions>().Bind(configuration.GetSection(RetentionOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ErasureOptions>().Bind(configuration.GetSection(ErasureOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ErasureStore>();
        services.AddSingleton<KeepAnonymous>();
        services.AddSingleton<ErasePerson>();
        services.AddSingleton<EraseLead>(provider =>
        {
            var erase = provider.GetRequiredService<ErasePerson>();
            return async (organizationId, leadId, by, also, cancellationToken) => await erase.RunAsync(organizationId, leadId, by, also, keepAnonymous: false, cancellationToken) is not null;
        });
        services.AddSingleton(new LeadErasure("idempotency_keys") { Run = ErasedReplies.EraseAsync });
        services.AddSingleton<FinishErasures>();
        services.AddHostedService(provider => provider.GetRequiredService<FinishErasures>());
        services.AddJob<ScrubJob>("scrub", "0 15 2 * * ?", "Cleans the space of rows that erasures deleted, in the database's files.");
        services.AddSingleton<RetentionWalk>();
        services.AddSingleton<Retention>();
        services.AddJob<RetentionJob>("retention", "0 30 1 * * ?", "Removes events, rows of the score ledger and of other tables that are older than the settings keep, and makes room for the months to come.");
        return services;
    }
}
