using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Scoring;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Recommendations;

internal static class GetCatalogue
{
    private const string Nothing = "No action has been recorded yet, so nothing can be said of any. Record them with POST /v1/leads/{lead_id}/actions.";
    private const string Caution = "Actions go to leads by grade and conditions, so differences between actions are not their effect. Nearest to a comparison: converted against converted_when_not_taken of the same action; still not an experiment.";

    /// <summary>One action.</summary>
    /// <param name="InCatalogue">False for an action that was recorded and is not, or no longer, in the profile.</param>
    /// <param name="Recommended">How often it became the recommended action of a lead.</param>
    /// <param name="RecommendedLeads">Of how many leads.</param>
    /// <param name="Taken">How often it was recorded.</param>
    /// <param name="TakenAsRecommended">How often while it was the recommended one.</param>
    /// <param name="Answered">Of those with a result, how many the lead answered: result answered, replied, meeting or refused.</param>
    /// <param name="Converted">Of the leads with an outcome after it was first taken, how many converted.</param>
    /// <param name="ConvertedWhenNotTaken">Of the leads for which it was recommended and never taken, with an outcome after that, how many converted.</param>
    public sealed record Entry(
        string ActionId, string Text, string Channel, IReadOnlyList<string> Grades, double CoolDownDays, bool InCatalogue,
        int Recommended, int RecommendedLeads, int Taken, int TakenAsRecommended, ShareOf Answered, ShareOf Converted, ShareOf ConvertedWhenNotTaken);

    /// <param name="Actions">In the order of the catalogue, then those that are not in it.</param>
    /// <param name="Note">How to read it.</param>
    public sealed record Response(IReadOnlyList<Entry> Actions, string Note);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, ActionStore store, RecommendedActions recommended, OutcomeStore outcomes, ProfileStore profiles, CancellationToken cancellationToken)
    {
        var profile = (await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)).Profile;
        var record = new CatalogueRecord();
        await foreach (var outcome in outcomes.ReadLabeledAsync(caller.OrganizationId, cancellationToken)) record.Add(outcome);
        await foreach (var one in recommended.ReadAllAsync(caller.OrganizationId, cancellationToken)) record.Add(one);
        await foreach (var one in store.ReadAllAsync(caller.OrganizationId, cancellationToken)) record.Add(one);
        var entries = profile.Actions.DistinctBy(a => a.Id).Select(a => record.Entry(a, inCatalogue: true)).ToList();
        var known = entries.Select(e => e.ActionId).ToHashSet(StringComparer.Ordinal);
        entries.AddRange(record.ActionIds.Where(id => id is not ("none" or LeadScorer.HoldOutAction) && !known.Contains(id)).Order(StringComparer.Ordinal).Select(id => record.Entry(new ActionDefinition(id, id, [], [], ""), inCatalogue: false)));
        return TypedResults.Ok(new Response(entries, entries.All(e => e.Taken == 0) ? Nothing : Caution));
    }
}
