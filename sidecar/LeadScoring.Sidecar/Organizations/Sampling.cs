using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>Who is drawn whatever the score, per organization.</summary>
internal static class Sampling
{
    internal static async Task<Ok<SamplingPolicy>> GetAsync(Caller caller, SamplingPolicyStore store, CancellationToken cancellationToken) =>
        TypedResults.Ok(await store.GetAsync(caller.OrganizationId, cancellationToken));

    internal static async Task<Ok<SamplingPolicy>> PutAsync(JsonElement body, Caller caller, SamplingPolicyStore store, CancellationToken cancellationToken)
    {
        var policy = Read(body);
        await store.PutAsync(caller.OrganizationId, policy, cancellationToken);
        return TypedResults.Ok(policy);
    }

    private static SamplingPolicy Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.EnumerateObject().Any())
            throw ProblemException.Invalid("", "Send an object with the settings that differ from the defaults, such as {\"exploration_share\": 0.03}.");
        try
        {
            var policy = body.Deserialize<SamplingPolicy>(SamplingPolicyStore.Json)!;
            policy.Validate();
            return policy;
        }
        catch (JsonException e)
        {
            throw ProblemException.Invalid(JsonPointer.FromJsonPath(e.Path), "There is no such setting, or its value is not of the kind that it takes. GET /v1/sampling shows all settings.");
        }
        catch (ArgumentException e)
        {
            throw ProblemException.Invalid("", e.Message);
        }
    }
}
