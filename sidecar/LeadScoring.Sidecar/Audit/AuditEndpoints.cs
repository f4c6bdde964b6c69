using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Audit;

internal static class AuditEndpoints
{
    internal static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddSingleton<AuditLog>();
        services.AddSingleton<AuditReader>();
        services.AddSingleton<VerifyChain>();
        services.AddSingleton<CutChain>();
        services.AddSingleton<RefusedAccess>();
        services.AddHostedService(provider => provider.GetRequiredService<RefusedAccess>());
        return services;
    }

    internal static void MapAudit(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/audit").WithTags("Audit").RequireScope(ApiScope.Admin);
        group.MapGet("", ListAudit.HandleAsync).Produces<ListAudit.Response>()
            .WithMetadata(new Unhurried()).WithName("ListAudit").WithSummary("Lists what was done and by whom, the newest first; format=ndjson exports the chain in order, a row a line, with its hashes.");
        group.MapGet("/verify", VerifyAudit.HandleAsync)
            .WithMetadata(new Unhurried()).WithName("VerifyAudit").WithSummary("Looks at every row of the chain: none changed, removed, inserted or out of order.");
    }
}
