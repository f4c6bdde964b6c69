using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Outcomes;

internal static class OutcomeEndpoints
{
    internal static IServiceCollection AddOutcomes(this IServiceCollection services)
    {
        services.AddSingleton<OutcomeStore>().AddSingleton<AnonymousLeads>();
        services.AddSingleton(new LeadErasure("outcomes"));
        services.AddSingleton(new LeadErasure("outcome_history"));
        return services;
    }

    internal static void MapOutcomes(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/outcomes", PostOutcomes.HandleAsync).Accepts<PostOutcomes.Request>("application/json").RequireScope(ApiScope.Write)
            .WithTags("Outcomes").WithName("PostOutcomes").WithSummary("Records what became of one lead, or of up to 1,000 with a result for each. Safe to repeat; reversed takes it back.");
}
