using System.ComponentModel;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>How a figure of impact was got.</summary>
public enum ImpactMethod
{
    /// <summary>Against leads that were worked without regard to their score: an experiment.</summary>
    HoldOut,

    /// <summary>Worked out on outcomes as they were, had the team called by score: no experiment.</summary>
    Backtest,

    /// <summary>Not known.</summary>
    NotMeasured,
}

internal static class GetImpact
{
    internal const string Name = "impact";
    private const int FewestOfAGroup = 30;
    private const int Seed = 7;

    private const string HowHoldOut = "Leads worked by score against leads of the hold-out (drawn for it, or with the attribute hold_out true), which were worked without regard to it.";
    private const string HowBacktest = "No experiment: of the leads of each week, the share with the highest scores at the decision against the share that came first, as many calls for both, on outcomes as they were. It takes for granted that a lead would have converted whoever was called first.";
    private const string HowNoTime = "Not measured: it needs a hold-out (PUT /v1/sampling with hold_out_share, or the attribute hold_out true on leads worked without regard to their score) and recorded actions (POST /v1/leads/{lead_id}/actions). History cannot tell how soon a lead would have been called.";

    /// <summary>One target.</summary>
    /// <param name="Target">Relative change that is aimed at, such as 0.3 for +30 %.</param>
    /// <param name="Change">Relative change, with its 95 % interval; absent where not measured.</param>
    /// <param name="IsMet">The change itself is the target or better; absent where not measured. The interval says how sure that is.</param>
    /// <param name="With">Leads behind the figure with scoring.</param>
    /// <param name="Without">And without.</param>
    public sealed record Figure(string Name, double Target, Measured? Change, bool? IsMet, ImpactMethod Method, int With, int Without, string How);

    /// <param name="Decisions">Scored leads with a final outcome.</param>
    /// <param name="HoldOut">Of them in the hold-out.</param>
    /// <param name="AsOf">When the figures were worked out.</param>
    public sealed record Response(DateTimeOffset AsOf, DateTimeOffset From, int Decisions, int HoldOut, IReadOnlyList<Figure> Figures);

    internal static Task<ContentHttpResult> HandleAsync(
        Caller caller, StoredReports reports, CancellationToken cancellationToken,
        [Description("Days to look back, 1 to 3,650; default 365.")] int days = GetBusiness.DefaultDays,
        [Description("Share of leads that the team can call, for the backtest: 0.01 to 0.99; default 0.2.")] double capacity = GetBusiness.DefaultCapacity,
        [Description("Works the figures out now; else those of large organizations are up to two hours old, as as_of says.")] bool fresh = false)
    {
        GetBusiness.Check(days, capacity);
        return reports.GetAsync(caller.OrganizationId, Name, GetBusiness.Parameters(days, capacity), fresh, s => MakeAsync(caller.OrganizationId, days, capacity, s, cancellationToken), cancellationToken);
    }

    internal static async Task<Response> MakeAsync(string organizationId, int days, double capacity, ReportSources sources, CancellationToken cancellationToken)
    {
        var nowMs = sources.Time.NowMs();
        var sinceMs = nowMs - (days * ActivityState.DayMs);
        var final = await GetBusiness.FinalAsync(organizationId, sources.Decided, sources.Profiles, sinceMs, nowMs, cancellationToken);
        DecidedLead[] leads = [.. final.Select(f => f.Lead)];
        bool[] converted = [.. final.Select(f => f.Converted)], held = [.. leads.Select(l => l.IsHoldOut)];
        var heldOut = held.Count(h => h);
        return new Response(
            Moment.Of(nowMs), Moment.Of(sinceMs), leads.Length, heldOut, Math.Min(heldOut, leads.Length - heldOut) >= FewestOfAGroup ? AgainstHoldOut(leads, converted, held) : Backtest(leads, converted, held, capacity));
    }

    private static IReadOnlyList<Figure> AgainstHoldOut(DecidedLead[] leads, bool[] converted, bool[] held)
    {
        var contacted = Array.ConvertAll(leads, l => l.FirstContactMs is not null);
        bool[] scored = Array.ConvertAll(held, h => !h);
        bool[] called = [.. scored.Zip(contacted, (s, c) => s && c)], calledHeld = [.. held.Zip(contacted, (h, c) => h && c)];
        Figure Of(string name, double target, bool[] one, bool[] other, bool wanted)
        {
            int with = one.Count(o => o), without = other.Count(o => o);
            return Math.Min(with, without) < FewestOfAGroup ? new Figure(name, target, null, null, ImpactMethod.NotMeasured, with, without, $"{HowHoldOut} Fewer than {FewestOfAGroup} leads of a group have a recorded action.")
                : Made(name, target, wanted ? RelativeRate.Of(one, other, converted).Happened : RelativeRate.Of(one, other, converted).Not, ImpactMethod.HoldOut, with, without, HowHoldOut);
        }

        return
        [
            Of("conversion_rate", 0.3, called, calledHeld, wanted: true), Of("wasted_outreach", -0.4, called, calledHeld, wanted: false), Of("closed_deals", 0.25, scored, held, wanted: true),
            TimeToContact(leads, held),
        ];
    }

    private static IReadOnlyList<Figure> Backtest(DecidedLead[] leads, bool[] converted, bool[] held, double capacity)
    {
        var time = new Figure("time_to_contact", -0.5, null, null, ImpactMethod.NotMeasured, 0, 0, HowNoTime);
        // Fewer than a queue's worth: no figure is better than one that is chance.
        if (leads.Length < 2 * FewestOfAGroup)
        {
            string[] names = ["conversion_rate", "wasted_outreach", "closed_deals"];
            return [.. names.Zip((double[])[0.3, -0.4, 0.25], (n, t) => new Figure(n, t, null, null, ImpactMethod.NotMeasured, leads.Length, held.Count(h => h), $"Fewer than {2 * FewestOfAGroup} decisions have a final outcome.")), time];
        }

        var queue = QueueComparison.Of(leads, converted, capacity);
        return
        [
            Made("conversion_rate", 0.3, queue.Ratio, ImpactMethod.Backtest, queue.ByScore.Of, queue.FirstCome.Of, HowBacktest),
            Made("wasted_outreach", -0.4, queue.WastedRatio, ImpactMethod.Backtest, queue.ByScore.Of, queue.FirstCome.Of, HowBacktest),
            Made("closed_deals", 0.25, queue.Ratio, ImpactMethod.Backtest, queue.ByScore.Of, queue.FirstCome.Of, $"{HowBacktest} At the same number of calls it is the same figure as the conversion rate."),
            time,
        ];
    }

    private static Figure TimeToContact(DecidedLead[] leads, bool[] held)
    {
        var hours = Array.ConvertAll(leads, l => l.FirstContactMs is { } at && at >= l.ScoredAtMs ? (at - l.ScoredAtMs) / 3_600_000.0 : double.NaN);
        int[] known = [.. Enumerable.Range(0, leads.Length).Where(i => double.IsFinite(hours[i]))];
        int with = known.Count(i => !held[i]), without = known.Length - with;
        if (Math.Min(with, without) < FewestOfAGroup) return new Figure("time_to_contact", -0.5, null, null, ImpactMethod.NotMeasured, with, without, HowNoTime);
        double Ratio(Func<int, int> copies)
        {
            double Median(bool isHeld) => MedianOf.From(known.Where(i => held[i] == isHeld).SelectMany(i => Enumerable.Repeat(hours[i], copies(i)))).Value ?? double.NaN;
            return Median(false) / Median(true);
        }

        var draws = new double[200];
        Bootstrap.Run([.. known.Select(i => held[i] ? 1 : 0)], draws.Length, Seed, (b, counts) =>
        {
            var place = known.Select((lead, at) => (lead, at)).ToDictionary(p => p.lead, p => counts[p.at]);
            draws[b] = Ratio(i => place[i]);
        });
        var ratio = Ratio(_ => 1);
        return Made("time_to_contact", -0.5, Measured.Of(ratio, Bootstrap.Of(ratio, draws)), ImpactMethod.HoldOut, with, without, $"{HowHoldOut} Median hours from the score to the first recorded action.");
    }

    /// <summary>A ratio as a relative change.</summary>
    private static Figure Made(string name, double target, Measured ratio, ImpactMethod method, int with, int without, string how)
    {
        double? Less(double? r) => r is { } v ? Math.Round(v - 1, 4) : null;
        var change = new Measured(Less(ratio.Value), Less(ratio.Low), Less(ratio.High));
        return new Figure(name, target, change, change.Value is not { } c ? null : target > 0 ? c >= target : c <= target, method, with, without, how);
    }
}
