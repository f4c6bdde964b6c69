using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Events;

internal static class EventEndpoints
{
    internal static IServiceCollection AddEvents(this IServiceCollection services)
    {
        services.AddSingleton<EventStore>();
        services.AddSingleton(new LeadErasure("events"));
        return services;
    }

    internal static void MapEvents(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/events", PostEvents.HandleAsync).Accepts<PostEvents.Request>("application/json").RequireScope(ApiScope.Write)
            .WithTags("Activity").WithName("PostEvents").WithSummary("Stores one event, or up to 1,000 with a result for each. Safe to repeat.");
}
