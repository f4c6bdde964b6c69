using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Events;

internal static class EventEndpoints
{
    internal static IServiceCollection AddEvents(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<EventOptions>().Bind(configuration.GetSection(EventOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<EventStore>();
        services.AddSingleton<EventTypeStore>();
        services.AddSingleton<IngestionGate>();
        services.AddSingleton<RefoldActivity>();
        services.AddSingleton<EventMonths>();
        services.AddSingleton(provider => new LeadErasure("events") { Sql = EventIds.EraseSql(provider.GetRequiredService<Database>().IsPostgres) });
        return services;
    }

    internal static void MapEvents(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Activity");
        group.MapPost("/events", EventStream.HandleAsync).Accepts<EventItem>(EventStream.ContentType).Produces<EventStream.Answer>(200, EventStream.ContentType).RequireScope(ApiScope.Write)
            .WithMetadata(new RouteBodyLimit(long.MaxValue)).ExcludeFromDescription()
            .WithMetadata(new Unhurried()).WithName("StreamEvents").WithSummary("Stores a stream of events, one JSON object a line.");
        group.MapPost("/events", PostEvents.HandleAsync).Accepts<PostEvents.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PostEvents").WithSummary("Stores one event, or up to 1,000 with a result for each. Safe to repeat. With Content-Type application/x-ndjson: any number, one event a line; the answer has a line a batch, one for each bad line and a last one with the sums.");
        group.MapGet("/events/types", GetEventTypes.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListEventTypes").WithSummary("The types of events that came in, how many, and whether the profile uses them.");
        group.MapGet("/leads/{leadId}/events", ListLeadEvents.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListLeadEvents").WithSummary("A lead's events, the newest first, with those that do not count and why.");
    }
}
