using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

internal static class GetTrainingRun
{
    /// <param name="Fraction">How far, 0 to 1.</param>
    /// <param name="ModelVersion">The new version, once there is one.</param>
    /// <param name="Notes">What else is to be known, such as outcomes that wait for their horizon.</param>
    /// <param name="Reason">Why it failed, or why the model was or was not promoted.</param>
    /// <param name="Cause">What asked for it.</param>
    /// <param name="SecondsLeft">Estimated from how far it is; absent until that can be said.</param>
    public sealed record Response(
        string RunId, RetrainCause Cause, TrainingStatus Status, string Stage, double Fraction, int? ModelVersion, bool IsPromoted, string? Reason, string? Notes,
        DateTimeOffset CreatedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt, int? SecondsLeft);

    internal static async Task<Ok<Response>> HandleAsync(string runId, Caller caller, TrainingRunStore runs, TimeProvider time, CancellationToken cancellationToken) =>
        TypedResults.Ok(Of(await runs.GetAsync(caller.OrganizationId, runId, cancellationToken), time.GetUtcNow()));

    // Before this share of the work the rest of it is a guess.
    private const double FewestToEstimate = 0.03;

    internal static Response Of(TrainingRun run, DateTimeOffset now) => new(
        run.RunId, Enum.Parse<RetrainCause>(run.Cause, ignoreCase: true), Enum.Parse<TrainingStatus>(run.Status, ignoreCase: true), run.Stage, Math.Round(run.Fraction, 4), run.ModelVersion, run.IsPromoted, run.Reason, run.Notes,
        Moment.Of(run.CreatedAtMs), Moment.Of(run.StartedAtMs), Moment.Of(run.FinishedAtMs), SecondsLeft(run, now));

    private static int? SecondsLeft(TrainingRun run, DateTimeOffset now) =>
        run is { Status: "running", Fraction: >= FewestToEstimate, StartedAtMs: { } started } ? (int)Math.Ceiling((now - Moment.Of(started)).TotalSeconds * (1 - run.Fraction) / run.Fraction) : null;
}

internal static class ListTrainingRuns
{
    public sealed record Response(IReadOnlyList<GetTrainingRun.Response> Runs);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, TrainingRunStore runs, TimeProvider time, CancellationToken cancellationToken, int limit = 20)
    {
        if (limit is < 1 or > 200) throw ProblemException.Invalid("?limit", "limit is 1 to 200.");
        return TypedResults.Ok(new Response([.. (await runs.ListAsync(caller.OrganizationId, limit, cancellationToken)).Select(r => GetTrainingRun.Of(r, time.GetUtcNow()))]));
    }
}
