using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

internal static class CancelTrainingRun
{
    internal static async Task<Ok<GetTrainingRun.Response>> HandleAsync(string runId, Caller caller, TrainingRunStore runs, TimeProvider time, CancellationToken cancellationToken)
    {
        var run = await runs.GetAsync(caller.OrganizationId, runId, cancellationToken);
        if (!await runs.CancelAsync(run, cancellationToken)) throw new ProblemException(ProblemKind.Conflict, "The run has ended.");
        return TypedResults.Ok(GetTrainingRun.Of(await runs.GetAsync(caller.OrganizationId, runId, cancellationToken), time.GetUtcNow()));
    }
}
