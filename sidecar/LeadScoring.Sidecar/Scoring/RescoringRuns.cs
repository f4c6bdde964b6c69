using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Scoring all open leads of an organization anew: begin, look, cancel.</summary>
internal static class RescoringRuns
{
    /// <param name="From">Grade before.</param>
    /// <param name="To">Grade after.</param>
    /// <param name="Leads">How many leads.</param>
    public sealed record GradeChange(string From, string To, int Leads);

    /// <param name="Reason">request, promotion, anchor, rules or trial.</param>
    /// <param name="Done">Leads scored so far; those that cannot be scored are left to the queue and count.</param>
    /// <param name="Total">Open leads at the start. Leads that came or closed since make done differ from it in the end.</param>
    /// <param name="Changed">Leads of which score, grade or model became another; only those are written to the ledger.</param>
    /// <param name="LeadsPerSecond">Since the start; absent until something is done.</param>
    /// <param name="SecondsLeft">At that rate; absent when the run has ended or nothing is done yet.</param>
    /// <param name="ChangedGrades">From which grade to which.</param>
    public sealed record Response(
        string RunId, RescoringReason Reason, RescoringStatus Status, long Done, long Total, long Changed, double? LeadsPerSecond, double? SecondsLeft, IReadOnlyList<GradeChange> ChangedGrades,
        DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? FinishedAt);

    internal static async Task<Accepted<Response>> PostAsync(Caller caller, RescoringRunStore runs, LeadsChanged changed, Database database, TimeProvider time, CancellationToken cancellationToken)
    {
        // A check and not a lock: of two at the same moment the later one begins anew, and every lead is scored all the same.
        if (await runs.OpenAsync(caller.OrganizationId, cancellationToken) is { } open)
            throw new ProblemException(ProblemKind.Conflict, $"Rescoring run {open.RunId} is under way, {open.Done:N0} of {open.Total:N0} leads are done. Wait for it, or cancel it with POST /v1/rescoring-runs/{open.RunId}/cancel.");
        var run = await database.WriteAsync(transaction => RescoringRunStore.StartAsync(transaction, caller.OrganizationId, RescoringReason.Request, time.NowMs(), cancellationToken), cancellationToken);
        changed.Tell();
        return TypedResults.Accepted($"/v1/rescoring-runs/{run.RunId}", Of(run));
    }

    internal static async Task<Ok<Response>> GetAsync(string runId, Caller caller, RescoringRunStore runs, CancellationToken cancellationToken) =>
        TypedResults.Ok(Of(await runs.GetAsync(caller.OrganizationId, runId, cancellationToken) ?? throw Unknown()));

    internal static async Task<Ok<Response>> CancelAsync(string runId, Caller caller, RescoringRunStore runs, CancellationToken cancellationToken)
    {
        await runs.EndAsync(caller.OrganizationId, runId, RescoringStatus.Cancelled, cancellationToken);
        return await GetAsync(runId, caller, runs, cancellationToken);
    }

    internal static Response Of(RescoringRun run)
    {
        var status = ScoreStore.Parse<RescoringStatus>(run.Status);
        var seconds = (run.UpdatedAtMs - run.CreatedAtMs) / 1_000.0;
        double? rate = run.Done > 0 && seconds > 0 ? Math.Round(run.Done / seconds, 1) : null;
        double? left = status == RescoringStatus.Running && rate is > 0 ? Math.Round(Math.Max(0, run.Total - run.Done) / rate.Value, 1) : null;
        return new Response(
            run.RunId, ScoreStore.Parse<RescoringReason>(run.Reason), status, run.Done, run.Total, run.Changed, rate, left,
            [.. run.ReadMoves().Select(m => new GradeChange(m.Key[..1], m.Key[^1..], m.Value))], Moment.Of(run.CreatedAtMs), Moment.Of(run.UpdatedAtMs), Moment.Of(run.FinishedAtMs));
    }

    private static ProblemException Unknown() => new(ProblemKind.NotFound, "There is no such rescoring run.");
}
