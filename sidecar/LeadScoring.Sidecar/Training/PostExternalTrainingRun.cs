using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

internal static class PostExternalTrainingRun
{
    internal const long MaxBytes = 256_000_000;

    internal static async Task<Accepted<GetTrainingRun.Response>> HandleAsync(
        HttpRequest request, Caller caller, TrainingRunStore runs, ProfileStore profiles, TimeProvider time, CancellationToken cancellationToken, string promote = "auto")
    {
        if (!Enum.TryParse<PromotionMode>(promote, ignoreCase: true, out var mode) || int.TryParse(promote, out _)) throw ProblemException.Invalid("?promote", "promote is auto, always or never.");
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, cancellationToken);
        var zip = buffer.ToArray();
        var profile = (await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)).Profile;
        try
        {
            // Looked at now, so that what does not fit is answered here and not by a failed run.
            TrainingMatrix.Read(zip, profile).Check();
        }
        catch (Exception e) when (e is BundleException or TrainingException)
        {
            throw ProblemException.Invalid("", e.Message);
        }

        var run = await runs.CreateAsync(caller.OrganizationId, new TrainingSettings(), new EvaluationSettings(), mode, zip, isRunning: false, cancellationToken);
        return TypedResults.Accepted($"/v1/training-runs/{run.RunId}", GetTrainingRun.Of(run, time.GetUtcNow()));
    }
}
