using System.Globalization;
using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Experiments;

/// <summary>What an organization brings to an experiment.</summary>
/// <param name="LeadsPerWeek">New leads a week, 0 or more.</param>
/// <param name="ConversionRate">Share of them that converts within the horizon, in (0, 1).</param>
public readonly record struct LeadFlow(double LeadsPerWeek, double ConversionRate);

/// <summary>Whether an experiment can finish, told before it begins.</summary>
/// <param name="Leads">Leads after which a verdict is to be expected, if the effect is what the rule looks for.</param>
/// <param name="Weeks">Weeks until then, the horizon of the last lead included; infinite without new leads.</param>
/// <param name="CanFinish">Within the rule's bounds of leads and weeks.</param>
/// <param name="Text">The same in words.</param>
public sealed record ExperimentForecast(double Leads, double Weeks, bool CanFinish, string Text)
{
    // Leads that a model would call first convert more often than the average lead.
    private const double TopLift = 2;
    private const double MostTopRate = 0.9;

    /// <summary>Forecast for the effect that the rule looks for.</summary>
    /// <remarks>
    /// The wealth of <see cref="MeanTest"/> grows by E log(1 + b (x - m)) an observation with the best stake b, so it comes to 1/α after about (log 1/α + log of the number of stakes) / growth of them (Wald): about half of all
    /// experiments are done by then. The law of an observation follows from the flow: conversions for arms and pairs; for lift, leads at the top convert twice as often as the average; for log loss, a model that is right by d nats where
    /// the other is wrong has differences of variance 2 d.
    /// </remarks>
    /// <param name="kind">Kind of experiment.</param>
    /// <param name="rule">Its rule.</param>
    /// <param name="share">Challenger's share in a split, in (0, 1).</param>
    /// <param name="flow">The organization's leads.</param>
    public static ExperimentForecast Of(ExperimentKind kind, ExperimentRule rule, double share, LeadFlow flow)
    {
        var (leadsEach, law) = Law(kind, rule, share, flow.ConversionRate);
        var leads = Math.Ceiling(leadsEach * Observations(law, -rule.Margin, rule.Alpha / 2));
        // Of an interleaved list only leads that are called count.
        var perWeek = kind == ExperimentKind.Interleaved ? rule.Capacity * flow.LeadsPerWeek : flow.LeadsPerWeek;
        var weeks = perWeek > 0 ? (leads / perWeek) + (rule.HorizonDays / 7.0) : double.PositiveInfinity;
        var can = leads <= rule.MostLeads && weeks <= rule.MostWeeks;
        return new ExperimentForecast(leads, weeks, can, Say(rule, leads, weeks, perWeek, can));
    }

    /// <summary>Number of observations after which the evidence is to be expected.</summary>
    private static double Observations((double Probability, Gain Gain)[] law, double bound, double alpha)
    {
        var growth = 0.0;
        foreach (var stake in MeanTest.AllStakes) growth = Math.Max(growth, law.Sum(l => l.Probability * Math.Log(MeanTest.Factor(l.Gain, bound, stake))));
        return growth > 0 ? (Math.Log(1 / alpha) + Math.Log(MeanTest.AllStakes.Count)) / growth : double.PositiveInfinity;
    }

    private static (double LeadsEach, (double, Gain)[] Law) Law(ExperimentKind kind, ExperimentRule rule, double share, double rate)
    {
        if (rule.Metric == ExperimentMetric.LogLoss)
        {
            var spread = Math.Sqrt(2 * rule.Effect);
            var (low, high) = (rule.Effect - spread, rule.Effect + spread);
            return (1, [(0.5, new Gain(low, low, high)), (0.5, new Gain(high, low, high))]);
        }

        if (rule.Metric == ExperimentMetric.Lift)
        {
            var (size, called) = Gains.Block(rule.Capacity);
            var top = Math.Min(MostTopRate, TopLift * rate);
            return (kind == ExperimentKind.Split ? size / Math.Min(share, 1 - share) : size, Difference(called, top, Math.Min(1, top + rule.Effect)));
        }

        var better = Math.Min(1, rate + rule.Effect);
        if (kind == ExperimentKind.Interleaved) return (2, Difference(1, rate, better));
        var r = (share * better) + ((1 - share) * rate);
        var (least, most) = (Math.Min(-r / share, (r - 1) / (1 - share)), Math.Max((1 - r) / share, r / (1 - share)));
        return (1,
        [
            (share * better, new Gain((1 - r) / share, least, most)), (share * (1 - better), new Gain(-r / share, least, most)),
            ((1 - share) * rate, new Gain((r - 1) / (1 - share), least, most)), ((1 - share) * (1 - rate), new Gain(r / (1 - share), least, most)),
        ]);
    }

    private static (double, Gain)[] Difference(int called, double champion, double challenger) =>
    [
        .. from own in Enumerable.Range(0, called + 1)
           from other in Enumerable.Range(0, called + 1)
           select (Binomial.PMF(challenger, called, own) * Binomial.PMF(champion, called, other), new Gain((own - other) / (double)called, -1, 1)),
    ];

    private static string Say(ExperimentRule rule, double leads, double weeks, double perWeek, bool can)
    {
        string Number(double value) => value < 1e7 ? value.ToString("N0", CultureInfo.InvariantCulture) : "more than 10 million";
        if (!(perWeek > 0)) return $"This test needs about {Number(leads)} leads; none came in lately, so it cannot finish.";
        var bounds = leads > rule.MostLeads ? $"the rule allows {Number(rule.MostLeads)} leads" : $"the rule allows {Number(rule.MostWeeks)} weeks";
        return $"This test needs about {Number(leads)} leads, {Number(Math.Ceiling(weeks))} weeks at {perWeek.ToString("#,##0.#", CultureInfo.InvariantCulture)} a week; {(can ? "it can finish." : $"it cannot finish: {bounds}.")}";
    }
}
