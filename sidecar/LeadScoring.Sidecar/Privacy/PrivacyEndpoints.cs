using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Privacy;

internal static class PrivacyEndpoints
{
    internal static void MapPrivacy(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Privacy");
        group.MapDelete("/leads/{leadId}", DeleteLead.HandleAsync).RequireScope(ApiScope.Write)
            .WithName("DeleteLead").WithSummary("Erases a person: the lead and everything known about it in every store, for good; with keep=anonymous a row for learning and figures stays that names nobody. Answers with a signed receipt; what is sent of the person again is refused.");
        group.MapGet("/leads/{leadId}/access", GetAccessFile.HandleAsync).Produces<GetAccessFile.Response>().RequireScope(ApiScope.Write)
            .WithName("GetAccessFile").WithSummary("All that is kept of a person, where it is from, how long, the reasons of the score and what would have changed it: as JSON, or as a page or text to hand out.");
        group.MapGet("/erasures", Erasures.ListAsync).RequireScope(ApiScope.Admin)
            .WithName("ListErasures").WithSummary("Erasures, the newest first, and the model versions that learned from the person and are still in use.");
        group.MapGet("/erasures/{erasureId}", Erasures.GetAsync).RequireScope(ApiScope.Admin)
            .WithName("GetErasure").WithSummary("A receipt as it was signed, and what has happened since: files, models replaced, what was refused.");
        group.MapPost("/erasures/{erasureId}/lift", Erasures.LiftAsync).Accepts<Erasures.LiftRequest>("application/json").RequireScope(ApiScope.Admin)
            .WithName("LiftErasure").WithSummary("Lets the person of an erasure come in again. Nothing that was erased comes back.");
    }
}
