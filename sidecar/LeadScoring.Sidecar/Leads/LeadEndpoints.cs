using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Leads;

internal static class LeadEndpoints
{
    internal static IServiceCollection AddLeads(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<LeadOptions>().Bind(configuration.GetSection(LeadOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<PrivacyKeyStore>().AddSingleton<Tombstones>();
        services.AddSingleton<LeadStore>();
        services.AddSingleton<LeadCache>();
        services.AddSingleton<ForgetLeads>(provider => provider.GetRequiredService<LeadCache>().Forget);
        services.AddSingleton<StaleLeads>();
        services.AddSingleton<LeadsChanged>();
        services.AddSingleton<RescoringRunStore>();
        services.AddSingleton(new LeadErasure("rescoring_claims"));
        // A run goes on behind the lead that it did last: behind the one before it, then.
        services.AddSingleton(new LeadErasure("rescoring_runs") { Sql = Before("rescoring_runs") });
        services.AddSingleton(new LeadErasure("retention_progress") { Sql = Before("retention_progress") });
        services.AddSingleton<OverrideStore>();
        services.AddSingleton(new LeadErasure("overrides"));
        // The audit log knows a lead by a reference; without this row it stands for nobody.
        services.AddSingleton(new LeadErasure("audit_leads"));
        return services;
    }

    internal static void MapLeads(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/leads").WithTags("Leads");
        group.MapPut("/{leadId}", PutLead.HandleAsync).Accepts<PutLead.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PutLead").WithSummary("Stores a lead or merges new attributes into it.");
        group.MapPost("/batch", LeadBatch.HandleAsync).Accepts<LeadBatch.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PutLeads").WithSummary("Stores up to 1,000 leads, with a result for each.");
        group.MapGet("", ListLeads.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListLeads").WithSummary("Lists leads page by page.");
        group.MapGet("/{leadId}", GetLead.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetLead").WithSummary("Reads one lead and a summary of its activity.");
    }

    private static string Before(string table) => $"""
        update {table} set position = coalesce((select max(lead_id) from leads where organization_id = @organizationId and lead_id < @leadId), '')
        where organization_id = @organizationId and position = @leadId
        """;
}
