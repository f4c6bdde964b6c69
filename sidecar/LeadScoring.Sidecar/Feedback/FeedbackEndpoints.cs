using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Feedback;

internal static class FeedbackEndpoints
{
    internal static IServiceCollection AddFeedback(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<FeedbackOptions>().Bind(configuration.GetSection(FeedbackOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<FeedbackStore>();
        services.AddSingleton(new LeadErasure("feedback"));
        services.AddSingleton<ReviewStore>();
        services.AddSingleton(new LeadErasure("reviews"));
        services.AddJob<SelectReviews>("reviews", "0 0 5 * * ?", "Puts a random share of new scores, and all of low confidence, on the review list.");
        return services;
    }

    internal static void MapFeedback(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Feedback");
        group.MapPost("/feedback", PostFeedback.HandleAsync).Accepts<PostFeedback.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PostFeedback").WithSummary("Records what sales say of one lead, or of up to 1,000: good or bad, and why. Safe to repeat.");
        group.MapGet("/reviews", ListReviews.HandleAsync).RequireScope(ApiScope.Score)
            .WithName("ListReviews").WithSummary("Scores for a person to look at: a random share, and all of low confidence; the oldest first.");
        group.MapPost("/reviews/{reviewId}", PostReview.HandleAsync).Accepts<PostReview.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PostReview").WithSummary("Says what a person thinks of a score; again takes the place of what was said before.");
        group.MapPut("/leads/{leadId}/override", PutOverride.HandleAsync).Accepts<PutOverride.Request>("application/json").RequireScope(ApiScope.Write)
            .WithName("PutOverride").WithSummary("Gives a lead a person's grade beside the machine's, with who, why and until when.");
        group.MapDelete("/leads/{leadId}/override", DeleteOverride.HandleAsync).RequireScope(ApiScope.Write)
            .WithName("DeleteOverride").WithSummary("Removes the override that holds; it stays in the record.");
    }
}
