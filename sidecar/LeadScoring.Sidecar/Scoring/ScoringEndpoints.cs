using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Scoring;

internal static class ScoringEndpoints
{
    internal static IServiceCollection AddScoring(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ScoringOptions>().Bind(configuration.GetSection(ScoringOptions.Section)).ValidateDataAnnotations()
            .Validate(o => o.GradeA > o.GradeB && o.GradeB > o.GradeC, "LeadScoring:Scoring: GradeA, GradeB and GradeC must descend.").ValidateOnStart();
        services.AddSingleton<LeadScorer>();
        services.AddSingleton<ScoreTogether>();
        services.AddSingleton<ScoreStore>();
        services.AddSingleton<ScoreCache>();
        services.AddSingleton<ForgetLeads>(provider => provider.GetRequiredService<ScoreCache>().Forget);
        services.AddSingleton<ScoreEvents>();
        services.AddSingleton<ScoreLeads>();
        services.AddSingleton(new LeadErasure("scores"));
        // Events that tell of the lead go with it, sent or not.
        services.AddSingleton(new LeadErasure("webhook_deliveries")
        {
            Sql = "delete from webhook_deliveries where organization_id = @organizationId and webhook_id in (select webhook_id from webhooks where organization_id = @organizationId) and subject = 'lead/' || @leadId",
        });
        services.AddSingleton<RecommendedActions>();
        services.AddSingleton(new LeadErasure("recommended_actions"));
        services.AddSingleton<WarmUp>();
        services.AddHostedService(provider => provider.GetRequiredService<WarmUp>());
        services.AddSingleton(provider => new ReadinessPart("models", _ => new(provider.GetRequiredService<WarmUp>().WhyNotReady)));
        services.AddSingleton<RegradeLeads>();
        services.AddSingleton(provider => QueueGauges.Of(provider.GetRequiredService<Database>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RescoreBatch>();
        services.AddSingleton<ShadowScores>();
        services.AddSingleton<RescoreChangedLeads>();
        services.AddHostedService(provider => provider.GetRequiredService<RescoreChangedLeads>());
        return services;
    }

    internal static void MapScoring(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Scoring");
        // The two that are called most read their own input; the validation of annotated parameters would box every argument first.
        group.MapPost("/score", PostScore.HandleAsync).DisableValidation().Accepts<ScoreRequest>("application/json").Produces<ScoreAnswer>().RequireScope(ApiScope.Score)
            .WithMetadata(new Unhurried()).WithName("ScoreLead").WithSummary("Scores one lead; facts may come along inline.");
        group.MapPost("/score/batch", ScoreStream.HandleAsync).Accepts<ScoreRequest>(ScoreStream.ContentType).Produces<PostScoreBatch.Item>(200, ScoreStream.ContentType).RequireScope(ApiScope.Score)
            .WithMetadata(new RouteBodyLimit(1_000_000_000)).ExcludeFromDescription()
            .WithMetadata(new Unhurried()).WithName("ScoreStream").WithSummary("Scores a stream of leads, one JSON object a line.");
        group.MapPost("/score/batch", PostScoreBatch.HandleAsync).Accepts<PostScoreBatch.Request>("application/json").Produces<PostScoreBatch.Response>().RequireScope(ApiScope.Score)
            .WithName("ScoreLeads").WithSummary("Scores up to 1,000 leads with a result for each. With Content-Type application/x-ndjson: any number, one request a line in, one result a line out.");
        group.MapGet("/leads/{leadId}/score", GetLeadScore.HandleAsync).DisableValidation().Produces<ScoreAnswer>().RequireScope(ApiScope.Score)
            .WithName("GetLeadScore").WithSummary("The lead's current score: the stored one while it is fresh, else a new one.");
        group.MapGet("/leads/{leadId}/scores", ListLeadScores.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListLeadScores").WithSummary("The ledger: every change of the lead's score, the newest first.");
        group.MapGet("/call-queue", GetCallQueue.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetCallQueue").WithSummary("Whom to call today: the best open leads, the best first; while an interleaved experiment runs, both models choose in turn.");
        group.MapGet("/grade-changes", GetGradeChanges.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetGradeChanges").WithSummary("The open leads by grade, and whose grade became another since a moment.");
        group.MapGet("/grades", Grades.GetAsync).RequireScope(ApiScope.Score).WithName("GetGrades").WithSummary("The grade policy and the bounds in force.");
        group.MapPost("/grades/preview", Grades.PreviewAsync).RequireScope(ApiScope.Score)
            .WithName("PreviewGrades").WithSummary("How many open leads would change their grade under a policy; nothing is stored.");
        group.MapPut("/grades", Grades.PutAsync).RequireScope(ApiScope.Admin)
            .WithMetadata(new Unhurried()).WithName("PutGrades").WithSummary("Makes a grade policy the organization's and gives every open lead its grade by it.");
        group.MapGet("/rescoring", GetRescoring.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetRescoring").WithSummary("The queue of leads that wait for a new score, and the leads that cannot be scored, with the reason.");
        group.MapPost("/rescoring/retry", GetRescoring.RetryAsync).RequireScope(ApiScope.Write)
            .WithName("RetryRescoring").WithSummary("Puts the leads that were set aside on the queue again.");
        group.MapPost("/rescoring-runs", RescoringRuns.PostAsync).RequireScope(ApiScope.Write)
            .WithName("CreateRescoringRun").WithSummary("Scores all open leads anew in the background. One run at a time; it survives the death of the process.");
        group.MapGet("/rescoring-runs/{runId}", RescoringRuns.GetAsync).RequireScope(ApiScope.Score)
            .WithName("GetRescoringRun").WithSummary("How far a rescoring run is, how fast, and which grades changed.");
        group.MapPost("/rescoring-runs/{runId}/cancel", RescoringRuns.CancelAsync).RequireScope(ApiScope.Write)
            .WithName("CancelRescoringRun").WithSummary("Stops a rescoring run; what was done stays.");
        group.MapPost("/leads/{leadId}/what-if", WhatIf.HandleAsync).Accepts<WhatIf.Request>("application/json").RequireScope(ApiScope.Score)
            .WithName("WhatIf").WithSummary("Scores the lead with changed facts; nothing is stored.");
        group.MapGet("/leads/{leadId}/counterfactual", GetCounterfactual.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("GetCounterfactual").WithSummary("The smallest change of actionable features found that brings the lead to a grade; nothing is stored.");
    }
}
