using System.Data.Common;

namespace LeadScoring.Sidecar.Api;

/// <summary>One thing that must work before traffic may come. Register as a singleton; <see cref="Check"/> answers null when ready, else the reason.</summary>
internal sealed record ReadinessPart(string Name, Func<CancellationToken, ValueTask<string?>> Check);

internal static class Health
{
    public sealed record Part(string Name, bool Ready, string? Reason);

    public sealed record Readiness(bool Ready, IReadOnlyList<Part> Parts);

    public sealed record Liveness(string Status);

    internal static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => TypedResults.Ok(new Liveness("alive")))
            .WithName("Alive").WithSummary("Answers as long as the process runs.").WithTags("Service");
        routes.MapGet("/readyz", ReadyAsync).Produces<Readiness>().Produces<Readiness>(503)
            .WithName("Ready").WithSummary("Says per part whether traffic may come; 503 with the reason when not.").WithTags("Service");
    }

    private static async Task<IResult> ReadyAsync(IEnumerable<ReadinessPart> parts, CancellationToken cancellationToken)
    {
        var answers = new List<Part>();
        foreach (var part in parts)
        {
            string? reason;
            try
            {
                reason = await part.Check(cancellationToken);
            }
            catch (DbException e)
            {
                reason = e.Message;
            }

            answers.Add(new Part(part.Name, reason is null, reason));
        }

        var ready = answers.TrueForAll(a => a.Ready);
        return Results.Json(new Readiness(ready, answers), statusCode: ready ? 200 : 503);
    }
}
