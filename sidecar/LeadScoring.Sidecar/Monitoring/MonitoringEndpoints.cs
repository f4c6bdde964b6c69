using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Monitoring;

internal static class MonitoringEndpoints
{
    internal static IServiceCollection AddMonitoring(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<MonitoringOptions>().Bind(configuration.GetSection(MonitoringOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<MonitoringStore>();
        services.AddSingleton<DriftAlarmStore>();
        services.AddSingleton(provider => AlarmGauges.Of(provider.GetRequiredService<Database>()));
        services.AddSingleton(new LeadErasure("drift_alarm_leads"));
        services.AddSingleton<FirstScores>();
        services.AddJob<CheckDrift>("drift", "0 10 * * * ?", "Holds new leads and their scores against the champion's training; each window of time is tested once.");
        services.AddSingleton<DecidedLeads>();
        services.AddSingleton<ReportSources>();
        services.AddJob<StoredReports>("reports", "0 25 * * * ?", "Works the monitoring reports out anew that pages ask for, where there are many outcomes.");
        // A report may name the lead. The lead itself goes last, so that erasing one that nobody knows changes nothing.
        services.AddSingleton(new LeadErasure("monitoring_reports")
        {
            Sql = "delete from monitoring_reports where organization_id = @organizationId and exists (select 1 from leads where organization_id = @organizationId and lead_id = @leadId)",
        });
        services.AddJob<CheckPerformance>("performance", "0 20 * * * ?", "Holds scores against what became of the leads: ranking, calibration, and whether the champion still fits.");
        return services;
    }

    internal static void MapMonitoring(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/monitoring").WithTags("Monitoring");
        group.MapGet("/drift", GetDrift.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetDrift").WithSummary("Whether leads and probabilities are as they were in training: alarms, and the newest windows feature by feature.");
        group.MapGet("/performance", GetPerformance.HandleAsync).Produces<GetPerformance.Response>().RequireScope(ApiScope.Score)
            .WithName("GetPerformance").WithSummary("How well scores have told outcomes, window by window with intervals, and what is expected of leads without an outcome yet.");
        group.MapGet("/business", GetBusiness.HandleAsync).Produces<GetBusiness.Response>().RequireScope(ApiScope.Score)
            .WithName("GetBusiness").WithSummary("Conversion, revenue and false positives by the grade at the decision, calling by score against the order of arrival, time to first contact, feedback, people against the model.");
        group.MapGet("/impact", GetImpact.HandleAsync).Produces<GetImpact.Response>().RequireScope(ApiScope.Score)
            .WithName("GetImpact").WithSummary("The product's four targets: measured against a hold-out where there is one, else backtested, and labelled so.");
        group.MapGet("/fairness", GetFairness.HandleAsync).Produces<GetFairness.Response>().RequireScope(ApiScope.Score)
            .WithName("GetFairness").WithSummary("How groups of people fare: with the scores as they were given and the outcomes that came of them, and of the champion in its training.");
    }
}
