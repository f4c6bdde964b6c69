using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Recommendations;

internal static class RecommendationEndpoints
{
    internal static IServiceCollection AddRecommendations(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RecommendationOptions>().Bind(configuration.GetSection(RecommendationOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ActionStore>();
        services.AddSingleton(new LeadErasure("actions_taken"));
        services.AddJob<LearnContactNorms>("contact_norms", "0 40 3 * * ?", "Learns when the organization's leads are active and how they answer.");
        return services;
    }

    internal static void MapRecommendations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Recommendations");
        group.MapPost("/leads/{leadId}/actions", PostActions.HandleAsync).Accepts<PostActions.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PostActions").WithSummary("Records one action taken with a lead, or up to 1,000, and what came of it. Safe to repeat; a result may follow later under the same id.");
        group.MapGet("/leads/{leadId}/actions", ListActions.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListActions").WithSummary("Actions taken with a lead, the newest first.");
        group.MapGet("/recommendations/catalogue", GetCatalogue.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetCatalogue").WithSummary("Each action of the catalogue: how often recommended and taken, answered and followed by a conversion.");
    }
}
