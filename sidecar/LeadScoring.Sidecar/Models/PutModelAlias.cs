using System.ComponentModel.DataAnnotations;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

internal static class PutModelAlias
{
    /// <param name="Version">Version that the alias stands for from now on.</param>
    public sealed record Request([property: Range(1, int.MaxValue)] int Version);

    public sealed record Response(ModelAlias Alias, int Version);

    internal static async Task<Ok<Response>> HandleAsync(string alias, Request request, Caller caller, ModelAliasStore aliases, CancellationToken cancellationToken)
    {
        var known = Read(alias);
        await aliases.PointAsync(caller.OrganizationId, known, request.Version, cancellationToken);
        return TypedResults.Ok(new Response(known, request.Version));
    }

    internal static async Task<NoContent> DeleteAsync(string alias, Caller caller, ModelAliasStore aliases, CancellationToken cancellationToken)
    {
        await aliases.RemoveAsync(caller.OrganizationId, Read(alias), cancellationToken);
        return TypedResults.NoContent();
    }

    private static ModelAlias Read(string alias) => alias switch
    {
        "challenger" => ModelAlias.Challenger,
        "shadow" => ModelAlias.Shadow,
        "champion" => throw new ProblemException(ProblemKind.Conflict, "The champion moves by POST /v1/models/{version}/promote and POST /v1/models/rollback."),
        _ => throw new ProblemException(ProblemKind.NotFound, "Aliases are champion, challenger and shadow."),
    };
}
