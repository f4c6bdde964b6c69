using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Feedback;

internal static class PostReview
{
    /// <summary>What the documentation shows of the body.</summary>
    public sealed record Request(
        [property: Description("agree, too_high or too_low: of the score.")] string Verdict,
        [property: Description("Who looked, 1 to 200 characters.")] string By,
        [property: Description("Up to 500 characters.")] string? Comment = null);

    internal static async Task<Ok<Review>> HandleAsync(string reviewId, JsonElement body, Caller caller, ReviewStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var item = new ItemReader(body, "");
        if (!item.IsObject) throw ProblemException.Invalid("", "Send an object with verdict and by.");
        var verdict = item.Text("verdict", 20, required: true);
        if (verdict is not (null or "agree" or "too_high" or "too_low")) item.Fault("verdict", "verdict must be agree, too_high or too_low.");
        var by = item.Text("by", 200, required: true);
        var comment = item.Text("comment", 500);
        if (item.Errors.Count > 0) throw ProblemException.Invalid(item.Errors);
        var review = await store.SetVerdictAsync(caller.OrganizationId, reviewId, verdict!, comment, by!, time.NowMs(), cancellationToken)
            ?? throw new ProblemException(ProblemKind.NotFound, "There is no such review. GET /v1/reviews lists them.");
        return TypedResults.Ok(Review.Of(review));
    }
}
