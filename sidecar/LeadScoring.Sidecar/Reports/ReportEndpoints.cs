using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Reports;

internal static class ReportEndpoints
{
    internal static void MapReports(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/reports/weekly", GetWeeklyReport.HandleAsync).Produces<GetWeeklyReport.Response>().RequireScope(ApiScope.Score).WithTags("Monitoring")
            .WithName("GetWeeklyReport").WithSummary("The last seven days in sentences: what changed, and what somebody should do; as JSON with a text for messages, or as a page for mails.");
}
