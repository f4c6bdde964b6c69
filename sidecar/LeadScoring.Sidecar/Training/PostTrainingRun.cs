using System.ComponentModel;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

internal static class PostTrainingRun
{
    public sealed record Request(
        [property: Description("What differs from the defaults of GET /v1/models/{version}'s manifest.settings.")] TrainingSettings? Settings = null,
        [property: Description("auto (default): becomes champion if not worse than it on the test rows. always, never.")] PromotionMode Promote = PromotionMode.Auto);

    internal static async Task<Accepted<GetTrainingRun.Response>> HandleAsync(Request request, Caller caller, TrainingRunStore runs, CancellationToken cancellationToken)
    {
        var settings = request.Settings ?? new TrainingSettings();
        try
        {
            settings.Validate();
        }
        catch (ArgumentException e)
        {
            throw ProblemException.Invalid("/settings", e.Message);
        }

        if (!XGBoostLibrary.IsAvailable) throw new ProblemException(ProblemKind.Conflict, XGBoostLibrary.WhyUnavailable!);
        var run = await runs.CreateAsync(caller.OrganizationId, settings, request.Promote, isRunning: false, cancellationToken);
        return TypedResults.Accepted($"/v1/training-runs/{run.RunId}", GetTrainingRun.Of(run));
    }
}
