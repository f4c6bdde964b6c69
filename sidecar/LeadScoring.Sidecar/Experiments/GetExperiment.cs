using LeadScoring.Ml.Experiments;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Experiments;

internal static class GetExperiment
{
    /// <param name="Champion">Version that it is held against.</param>
    /// <param name="Share">Share of new leads for the challenger, in a split.</param>
    /// <param name="Salt">With the lead's id it says in which arm a lead is.</param>
    /// <param name="Rule">As written down at the start; nothing changes it.</param>
    /// <param name="Promotes">Whether a challenger that wins becomes the champion, or goes on to <paramref name="Next"/>, by itself.</param>
    /// <param name="Next">Kind of experiment that follows when the challenger wins; absent when none does.</param>
    /// <param name="Decision">promote or keep; absent while it runs.</param>
    /// <param name="Reason">Why; absent while it runs.</param>
    /// <param name="Forecast">As told at the start.</param>
    /// <param name="Figures">As of <paramref name="CheckedAt"/>; absent before the first look.</param>
    public sealed record Response(
        string ExperimentId, string Name, ExperimentKind Kind, int Champion, int Challenger, double? Share, string Salt, ExperimentRule Rule, bool Promotes, ExperimentKind? Next, ExperimentState State,
        ExperimentDecision? Decision, string? Reason, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, ForecastAnswer Forecast, DateTimeOffset? CheckedAt, ExperimentFigures? Figures);

    internal static async Task<Ok<Response>> HandleAsync(string experimentId, Caller caller, ExperimentStore store, CancellationToken cancellationToken) =>
        TypedResults.Ok(Of(await store.GetAsync(caller.OrganizationId, experimentId, cancellationToken) ?? throw Unknown()));

    internal static Response Of(StoredExperiment e)
    {
        // Scoring has left it already; the next look writes that down.
        var isOver = e is { State: "running", HasTrial: false };
        var kind = e.ReadKind();
        return new Response(
            e.ExperimentId, e.Name, kind, e.Champion, e.Challenger, kind == ExperimentKind.Split ? e.Share : null, e.Salt, e.ReadRule(), e.Promotes, e.ReadNext()?.Kind,
            isOver ? ExperimentState.Stopped : Enum.Parse<ExperimentState>(e.State, ignoreCase: true),
            isOver ? ExperimentDecision.Keep : e.Decision is null ? null : Enum.Parse<ExperimentDecision>(e.Decision, ignoreCase: true),
            isOver ? RunExperiment.OtherChampion : e.Reason, Moment.Of(e.StartedAtMs), Moment.Of(e.EndedAtMs), ExperimentStore.Read<ForecastAnswer>(e.Forecast), Moment.Of(e.CheckedAtMs), e.ReadFigures());
    }

    internal static ProblemException Unknown() => new(ProblemKind.NotFound, "There is no such experiment. GET /v1/experiments lists them.");
}

internal static class ListExperiments
{
    public sealed record Response(IReadOnlyList<GetExperiment.Response> Experiments);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, ExperimentStore store, CancellationToken cancellationToken) =>
        TypedResults.Ok(new Response([.. (await store.ListAsync(caller.OrganizationId, cancellationToken)).Select(GetExperiment.Of)]));
}

internal static class StopExperiment
{
    /// <summary>The champion stays, and the challenger's leads go back to it. Of an experiment that has ended nothing changes.</summary>
    internal static async Task<Ok<GetExperiment.Response>> HandleAsync(
        string experimentId, Caller caller, ExperimentStore store, RunExperiment run, Models.ActiveModels active, Storage.Database database, CancellationToken cancellationToken)
    {
        var experiment = await store.GetAsync(caller.OrganizationId, experimentId, cancellationToken) ?? throw GetExperiment.Unknown();
        await database.WriteAsync(transaction => run.EndAsync(transaction, experiment, ExperimentState.Stopped, ExperimentDecision.Keep, "Stopped by hand.", null, cancellationToken), cancellationToken);
        active.Forget(caller.OrganizationId);
        return await GetExperiment.HandleAsync(experimentId, caller, store, cancellationToken);
    }
}
