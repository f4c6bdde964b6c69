using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class PromoteModel
{
    /// <param name="Previous">Champion before.</param>
    /// <param name="LeadsToRescore">Open leads that are scored anew in the background.</param>
    /// <param name="RescoringRun">The run that does it: GET /v1/rescoring-runs/{id}; absent when nothing changed.</param>
    public sealed record Response(int Champion, int? Previous, int LeadsToRescore, string? RescoringRun = null);

    internal static async Task<Ok<Response>> HandleAsync(
        int version, Caller caller, ModelStore store, ProfileStore profiles, ActiveModels active, Database database, TimeProvider time, CancellationToken cancellationToken)
    {
        var model = await store.GetAsync(caller.OrganizationId, version, cancellationToken);
        var profile = await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken);
        if (model.FeaturesHash != profile.Profile.FeaturesHash)
            throw new ProblemException(ProblemKind.Conflict, $"Model {version} was made for other features than those of the active profile. Put its profile first (profile.yml in GET /v1/models/{version}/bundle) with PUT /v1/profile.");
        var response = await database.WriteAsync(
            transaction => PromoteAsync(transaction, caller.OrganizationId, version, "by hand", store, time, cancellationToken), cancellationToken);
        active.Forget(caller.OrganizationId);
        return TypedResults.Ok(response);
    }

    /// <summary>Promotion and the run over the open leads are one write: no lead keeps the old champion's score by accident.</summary>
    internal static async Task<Response> PromoteAsync(
        WriteTransaction transaction, string organizationId, int version, string reason, ModelStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var previous = await store.PromoteAsync(transaction, organizationId, version, reason, cancellationToken);
        if (previous == version) return new Response(version, previous, 0);
        var run = await RescoringRunStore.StartAsync(transaction, organizationId, RescoringReason.Promotion, time.NowMs(), cancellationToken);
        return new Response(version, previous, (int)run.Total, run.RunId);
    }
}

internal static class RollbackModel
{
    internal static async Task<Ok<PromoteModel.Response>> HandleAsync(
        Caller caller, ModelStore store, ActiveModels active, Database database, TimeProvider time, CancellationToken cancellationToken)
    {
        var response = await database.WriteAsync(async transaction =>
        {
            await ModelStore.LockAsync(transaction, caller.OrganizationId, cancellationToken);
            var version = await ModelStore.PreviousAsync(transaction, caller.OrganizationId, cancellationToken)
                ?? throw new ProblemException(ProblemKind.Conflict, "There is no champion to go back to.");
            return await PromoteModel.PromoteAsync(transaction, caller.OrganizationId, version, ModelStore.RollbackReason, store, time, cancellationToken);
        }, cancellationToken);
        active.Forget(caller.OrganizationId);
        return TypedResults.Ok(response);
    }
}
