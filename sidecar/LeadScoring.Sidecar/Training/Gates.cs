using System.Text.Json;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

/// <summary>What a new model must show, per organization.</summary>
internal static class Gates
{
    /// <param name="IsOwn">Whether the organization has set its own; else these are the defaults.</param>
    public sealed record Response(bool IsOwn, GateSettings Settings);

    internal static async Task<Ok<Response>> GetAsync(Caller caller, GatePolicyStore store, CancellationToken cancellationToken)
    {
        var own = await store.GetAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(new Response(own is not null, own ?? new GateSettings()));
    }

    internal static async Task<Ok<Response>> PutAsync(JsonElement body, Caller caller, GatePolicyStore store, CancellationToken cancellationToken)
    {
        var settings = Read(body);
        await store.PutAsync(caller.OrganizationId, settings, cancellationToken);
        return TypedResults.Ok(new Response(true, settings));
    }

    internal static async Task<NoContent> DeleteAsync(Caller caller, GatePolicyStore store, CancellationToken cancellationToken)
    {
        await store.DeleteAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.NoContent();
    }

    private static GateSettings Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.EnumerateObject().Any())
            throw ProblemException.Invalid("", "Send an object with the settings that differ from the defaults, such as {\"auto_deploy\": false}; DELETE goes back to the defaults.");
        try
        {
            var settings = body.Deserialize<GateSettings>(TrainingSettingsJson.Strict)!;
            settings.Validate();
            return settings;
        }
        catch (JsonException e)
        {
            throw ProblemException.Invalid(JsonPointer.FromJsonPath(e.Path), "There is no such setting, or its value is not of the kind that it takes. GET /v1/gates shows all settings.");
        }
        catch (ArgumentException e)
        {
            throw ProblemException.Invalid("", e.Message);
        }
    }
}
