using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

internal static class PostTrainingRun
{
    /// <summary>What the documentation shows of the body; it is read strictly, so that a misspelt setting is not silently a default.</summary>
    public sealed record Request(
        [property: Description("What differs from the defaults; see settings in the manifest of GET /v1/models/{version}.")] TrainingSettings? Settings = null,
        [property: Description("auto (default): becomes the champion if the gates pass (GET /v1/gates). always, never.")] PromotionMode Promote = PromotionMode.Auto,
        [property: Description("How the training is judged; nothing here changes the model.")] EvaluationSettings? Evaluation = null);

    internal static async Task<Accepted<GetTrainingRun.Response>> HandleAsync(JsonElement body, Caller caller, TrainingRunStore runs, TimeProvider time, CancellationToken cancellationToken)
    {
        var request = Read(body);
        if (!XGBoostLibrary.IsAvailable) throw new ProblemException(ProblemKind.Conflict, XGBoostLibrary.WhyUnavailable!);
        var run = await runs.CreateAsync(caller.OrganizationId, request.Settings ?? new TrainingSettings(), request.Evaluation ?? new EvaluationSettings(), request.Promote, null, isRunning: false, cancellationToken);
        return TypedResults.Accepted($"/v1/training-runs/{run.RunId}", GetTrainingRun.Of(run, time.GetUtcNow()));
    }

    private static Request Read(JsonElement body)
    {
        var at = "/settings";
        try
        {
            var said = body.ValueKind == JsonValueKind.Object ? JsonObject.Create(body) : null;
            if (said?["settings"] is JsonObject settings) said["settings"] = TrainingSettingsJson.WithDefaults(settings);
            var request = (said is null ? body.Deserialize<Request>(TrainingSettingsJson.Strict) : said.Deserialize<Request>(TrainingSettingsJson.Strict)) ?? throw ProblemException.Invalid("", "Send an object; {} trains with the defaults.");
            request.Settings?.Validate();
            at = "/evaluation";
            request.Evaluation?.Validate();
            return request;
        }
        catch (JsonException e)
        {
            throw ProblemException.Invalid(JsonPointer.FromJsonPath(e.Path), TrainingSettingsJson.Explain(e));
        }
        catch (ArgumentException e)
        {
            throw ProblemException.Invalid(at, e.Message);
        }
    }
}
