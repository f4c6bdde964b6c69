using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Sync;

internal static class SyncEndpoints
{
    internal static IServiceCollection AddSync(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<SyncOptions>().Bind(configuration.GetSection(SyncOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ConnectorTokenStore>().AddSingleton<ConnectorAccounts>().AddSingleton<ConnectorStateStore>().AddSingleton<LeadLinkStore>().AddSingleton<InboundStore>().AddSingleton<WriteBackStore>();
        services.AddSingleton<StoreContacts>().AddSingleton<StoreActivity>().AddSingleton<StoreDeals>().AddSingleton<MergeLeads>().AddSingleton<EraseRecord>().AddSingleton<WorkOffInbound>().AddSingleton<WriteScoresBack>();
        services.AddSingleton<ScoresChanged>(provider => provider.GetRequiredService<WriteBackStore>().QueueAsync);
        services.AddSingleton<FindTraces>(LeadLinkStore.TracesAsync);
        services.AddSingleton<SealErasedLinks>();
        services.AddSingleton(new LeadErasure("lead_links"));
        services.AddSingleton(new LeadErasure("connector_inbound") { Run = InboundStore.EraseAsync });
        services.AddSingleton(new LeadErasure("connector_deals") { Run = StoreDeals.EraseAsync });
        services.AddSingleton(new LeadErasure("lead_emails"));
        services.AddSingleton(new LeadErasure("write_backs"));
        services.AddSingleton(new LeadErasure("lead_merges")
        {
            Sql = """
                delete from lead_merge_parts where organization_id = @organizationId and merge_id in (
                    select merge_id from lead_merges where organization_id = @organizationId and (lead_id = @leadId or merged_lead_id = @leadId))
                """,
        });
        services.AddSingleton(new LeadErasure("lead_merges") { Sql = "delete from lead_merges where organization_id = @organizationId and (lead_id = @leadId or merged_lead_id = @leadId)" });
        services.AddJob<SyncConnectors>(SyncConnectors.Job, "0 */5 * * * ?", "Reads what changed in CRMs and e-mail platforms that are connected.");
        services.AddHostedService<SyncWorker>();
        services.AddSingleton(provider => ConnectorGauges.Of(
            provider.GetRequiredService<ConnectorAccounts>(), provider.GetRequiredService<ConnectorStateStore>(), provider.GetRequiredService<WriteBackStore>(), provider.GetRequiredService<TimeProvider>()));
        return services;
    }

    internal static void MapSync(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Connectors");
        group.MapGet("/connectors", ListConnectors.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListConnectors").WithSummary("Connected systems: whether they are in order, how far the sync is, what is left of their budget, what went wrong and what to do.");
        group.MapPost("/connectors/{name}/sync", PostSync.HandleAsync).WithMetadata(new WriteOnce()).RequireScope(ApiScope.Admin)
            .WithName("SyncConnector").WithSummary("Reads what changed in this account now, and does not wait for the schedule.");
        group.MapGet("/connectors/{name}/dead-letters", DeadLetters.ListAsync).RequireScope(ApiScope.Admin)
            .WithName("ListConnectorDeadLetters").WithSummary("Records that scores could not be written back to, and why.");
        group.MapPost("/connectors/{name}/dead-letters/replay", DeadLetters.ReplayAsync).RequireScope(ApiScope.Admin)
            .WithName("ReplayConnectorDeadLetters").WithSummary("Tries dead records again: all, or one.");
        group.MapGet("/merges", Merges.ListAsync).RequireScope(ApiScope.Admin)
            .WithName("ListMerges").WithSummary("Leads that were found to be one person, the newest first.");
        group.MapPost("/merges/{mergeId}/undo", Merges.UndoAsync).RequireScope(ApiScope.Admin)
            .WithName("UndoMerge").WithSummary("Parts two leads again, each with its own activity; they are never merged again by themselves.");
        group.MapGet("/inbound/{connector}", PostInbound.HandleAsync).WithMetadata(new SignedByVendor())
            .WithName("ProbeInbound").WithSummary("Whether somebody is there: some vendors ask before they send webhooks to an address. Proves itself like a webhook.");
        group.MapPost("/inbound/{connector}", PostInbound.HandleAsync).WithMetadata(new SignedByVendor())
            .WithName("PostInbound").WithSummary("A webhook of a connected system. Needs no key: its signature is checked, and what was told before is not done again.");
    }
}
