using System.ComponentModel;
using System.Globalization;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

internal static class GetCounterfactual
{
    /// <param name="From">The lead's own value; null when unknown.</param>
    /// <param name="To">Value as it would be: what to send in "features" of what-if.</param>
    /// <param name="Text">For people.</param>
    public sealed record Change(
        string Feature, string Label, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] object? From, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] object? To, string Text);

    /// <param name="ScoreNow">Score of the lead as it is, as of this moment.</param>
    /// <param name="TargetGrade">Grade that was asked for.</param>
    /// <param name="TargetScore">Lowest score of that grade.</param>
    /// <param name="Reachable">Whether the changes reach it.</param>
    /// <param name="Changes">The smallest change found; where the grade cannot be reached, the changes of the best score found.</param>
    /// <param name="Score">Score with the changes.</param>
    /// <param name="Grade">Grade with the changes.</param>
    /// <param name="Text">All of it for people.</param>
    public sealed record Response(
        string LeadId, double ScoreNow, string GradeNow, string TargetGrade, double TargetScore, bool Reachable, IReadOnlyList<Change> Changes, double Score, string Grade, string Text,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? ModelVersion, ScoredBy ScoredBy);

    internal static async Task<Ok<Response>> HandleAsync(
        string leadId, [Description("A, B or C.")] string grade, Caller caller, LeadStore leads, ActiveModels models, LeadScorer scorer, TimeProvider time, CancellationToken cancellationToken)
    {
        if (grade is not ("A" or "B" or "C")) throw ProblemException.Invalid("?grade", "grade is A, B or C.");
        var lead = await leads.GetAsync(caller.OrganizationId, leadId, cancellationToken) ?? throw GetLead.Unknown();
        if (ProfilingConsent.IsRefused(lead.Snapshot)) throw ScoreOutcome.Refused();
        var active = (await models.GetAsync(caller.OrganizationId, cancellationToken)).For(leadId, lead);
        var values = active.Extractor.Extract(lead.Snapshot, time.NowMs());
        var had = lead.Latest?.Grade;
        var target = scorer.LowestFor(active, grade[0], had);
        if (active.Profile.ExclusionOf(lead.Snapshot, values) is { } exclusion)
            throw new ProblemException(ProblemKind.Conflict, $"The lead is excluded ({exclusion.Text}): no change of its score changes its grade. Take the exclusion back first.");
        var options = CounterfactualOption.Of(active.Profile, values, Seen(active));
        // A search takes up to 0.2 s of a core: not on the threads that answer scores meanwhile.
        var found = await Task.Run(() => new CounterfactualSearch(v => LeadScorer.PointsOf(active, v)).Find(values, options, target), cancellationToken);
        var now = LeadScorer.PointsOf(active, values);
        var changes = found.Changes.Select(c => Describe(active.Profile.Features[c.Feature], c)).ToArray();
        return TypedResults.Ok(new Response(
            leadId, now, scorer.GradeOf(active, now, had).ToString(), grade, target, found.IsReached, changes, found.Points, scorer.GradeOf(active, found.Points, had).ToString(),
            Say(grade, target, now, found, changes), active.Bundle is null ? null : active.Version, active.Bundle is null ? ScoredBy.Rules : ScoredBy.Ensemble));
    }

    /// <summary>Values that leads have had in training; without a model, the bounds of the rules.</summary>
    private static SeenValues?[] Seen(ActiveModel active)
    {
        if (active.Bundle is { } bundle)
        {
            var reference = bundle.Reference.ToDictionary(r => r.Feature, StringComparer.Ordinal);
            return [.. active.Profile.Features.Select(f => reference.TryGetValue(f.Name, out var r) ? Seen(r) : null)];
        }

        return [.. active.Profile.Features.Select(f => active.Profile.Rules.Where(r => r.When.Feature == f.Name).Select(r => r.When).ToArray() is { Length: > 0 } rules
            ? new SeenValues([.. rules.SelectMany(w => new[] { w.AtLeast, w.AtMost }).OfType<double>().Where(double.IsFinite).Order()], [.. rules.SelectMany(w => w.Is ?? [])])
            : null)];
    }

    private static SeenValues Seen(ReferenceDistribution r) => new(r.Quantiles, r.LevelShares is null ? null : [.. r.LevelShares.Keys]);

    private static Change Describe(FeatureDefinition feature, FeatureChange change) => new(
        feature.Name, feature.Label, ScoreAnswer.Exact(feature, change.From), ScoreAnswer.Exact(feature, change.To),
        $"{feature.Label}: from {FactorWording.Plain(feature, change.From)} to {FactorWording.Plain(feature, change.To)}");

    private static string Say(string grade, double target, double now, Counterfactual found, Change[] changes)
    {
        string Points(double points) => points.ToString("0.0", CultureInfo.InvariantCulture);
        var list = string.Join("; ", changes.Select(c => c.Text));
        if (found.IsReached) return changes.Length == 0 ? $"The score of {Points(now)} is grade {grade} or better already." : $"{list}: the score rises from {Points(now)} to {Points(found.Points)}, grade {grade} or better.";
        var best = changes.Length == 0 ? "nothing that can be changed raises the score" : $"the best found is {Points(found.Points)} with {list}";
        return $"Grade {grade} (from {Points(target)}) is not within reach of what can be changed: {best}.";
    }
}
