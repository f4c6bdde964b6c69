using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>The grade policy: read it, try another one, make it the organization's.</summary>
internal static class Grades
{
    /// <summary>One number a grade; everything below C is D.</summary>
    public sealed record PerGrade(double A, double B, double C);

    /// <summary>A grade policy; what is left out, but for the mode, is the default.</summary>
    public sealed record Request(
        [property: Required, Description("fixed (bounds as given), percentile (shares of the open leads) or capacity (numbers of open leads).")] GradeMode? Mode,
        [property: Description("Mode fixed: lowest score of each grade, 0 to 100, falling. Default 85, 70, 50.")] PerGrade? Bounds = null,
        [property: Description("Mode percentile: largest share of the open leads in each grade, together at most 1. Default 0.1, 0.2, 0.3.")] PerGrade? Shares = null,
        [property: Description("Mode capacity: largest number of open leads in each grade. Default 50, 150, 300.")] PerGrade? Counts = null,
        [property: Description("Points beyond a bound before a lead changes its grade, 0 to 20. Default 0 for fixed, 2 for the others.")] double? Hysteresis = null);

    /// <param name="BoundsInForce">Lowest score of each grade now.</param>
    /// <param name="BoundsAt">When they were worked out; absent for the default policy.</param>
    public sealed record Response(GradeMode Mode, PerGrade Bounds, PerGrade Shares, PerGrade Counts, double Hysteresis, PerGrade BoundsInForce, DateTimeOffset? BoundsAt);

    /// <param name="From">Grade now.</param>
    /// <param name="To">Grade by the policy.</param>
    /// <param name="Leads">How many open leads.</param>
    public sealed record Move(string From, string To, int Leads);

    /// <param name="BoundsInForce">Lowest score of each grade that the policy comes to over the open leads.</param>
    /// <param name="Leads">Open leads with a score.</param>
    /// <param name="LeadsThatChange">Those of them whose grade becomes another.</param>
    /// <param name="Before">Open leads in each grade now.</param>
    /// <param name="After">Open leads in each grade by the policy.</param>
    /// <param name="Moves">From which grade to which; leads that keep theirs are not listed.</param>
    public sealed record Preview(PerGrade BoundsInForce, int Leads, int LeadsThatChange, IReadOnlyDictionary<string, int> Before, IReadOnlyDictionary<string, int> After, IReadOnlyList<Move> Moves);

    internal static async Task<Ok<Response>> GetAsync(Caller caller, ActiveModels models, IOptions<ScoringOptions> options, CancellationToken cancellationToken)
    {
        var active = (await models.GetAsync(caller.OrganizationId, cancellationToken)).Grades;
        var policy = active?.Policy ?? GradePolicy.Default with { Bounds = options.Value.Grades };
        return TypedResults.Ok(new Response(
            policy.Mode, Of(policy.Bounds), new PerGrade(policy.Shares[0], policy.Shares[1], policy.Shares[2]), new PerGrade(policy.Counts[0], policy.Counts[1], policy.Counts[2]), policy.Margin,
            Of(active?.Scale ?? policy.Bounds), Moment.Of(active?.BoundsAtMs)));
    }

    internal static async Task<Ok<Preview>> PreviewAsync(Request request, Caller caller, RegradeLeads regrade, IOptions<ScoringOptions> options, CancellationToken cancellationToken) =>
        TypedResults.Ok(Of(await regrade.PreviewAsync(caller.OrganizationId, Policy(request, options.Value), cancellationToken)));

    internal static async Task<Ok<Preview>> PutAsync(Request request, Caller caller, RegradeLeads regrade, IOptions<ScoringOptions> options, CancellationToken cancellationToken) =>
        TypedResults.Ok(Of(await regrade.PutAsync(caller.OrganizationId, Policy(request, options.Value), cancellationToken)));

    private static GradePolicy Policy(Request r, ScoringOptions options)
    {
        if (r.Counts is { } c && new[] { c.A, c.B, c.C }.Any(n => n != Math.Floor(n) || n is < 0 or > int.MaxValue)) throw ProblemException.Invalid("/counts", "counts are whole numbers of leads, 0 or more.");
        var policy = new GradePolicy
        {
            Mode = r.Mode!.Value, Bounds = r.Bounds is { } b ? new GradeScale { A = b.A, B = b.B, C = b.C } : options.Grades, Hysteresis = r.Hysteresis,
            Shares = r.Shares is { } s ? [s.A, s.B, s.C] : GradePolicy.Default.Shares, Counts = r.Counts is { } n ? [(int)n.A, (int)n.B, (int)n.C] : GradePolicy.Default.Counts,
        };
        try
        {
            policy.Validate();
        }
        catch (ArgumentException e)
        {
            throw ProblemException.Invalid("", $"The grade policy cannot be used: {e.Message}.");
        }

        return policy;
    }

    private static Preview Of(Regrading r)
    {
        IReadOnlyDictionary<string, int> Sum(Func<(char From, char To), char> by) => new[] { 'A', 'B', 'C', 'D' }.ToDictionary(g => g.ToString(), g => r.Moves.Where(m => by(m.Key) == g).Sum(m => m.Value));
        var moves = r.Moves.Where(m => m.Key.From != m.Key.To).OrderBy(m => m.Key).Select(m => new Move(m.Key.From.ToString(), m.Key.To.ToString(), m.Value)).ToList();
        return new Preview(Of(r.Scale), r.Leads, moves.Sum(m => m.Leads), Sum(m => m.From), Sum(m => m.To), moves);
    }

    private static PerGrade Of(GradeScale scale) => new(scale.A, scale.B, scale.C);
}
