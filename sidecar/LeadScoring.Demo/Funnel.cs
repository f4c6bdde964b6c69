using LeadScoring.Ml.Features;

namespace LeadScoring.Demo;

/// <summary>One sort of activity and how it depends on intent: rate(z) = base * exp(loading * z + drift * strength of feature drift).</summary>
/// <param name="Type">Event type; empty for pages that are not events of their own.</param>
/// <param name="Source">Where such events come from.</param>
/// <param name="Base">Mean per day (processes) or per visit (contents) at intent level 0, with no drift.</param>
/// <param name="Loading">How strongly intent drives it.</param>
/// <param name="Drift">Change of the log rate at full feature drift.</param>
internal sealed record Activity(string Type, string Source, double Base, double Loading, double Drift)
{
    /// <summary>Mean at intent level <paramref name="level"/>.</summary>
    internal double Mean(double level, double featureDrift) => Base * Math.Exp((Loading * level) + (Drift * featureDrift));
}

/// <summary>The law of the demo world: hidden intent, what it makes a lead do, and when it makes it buy.</summary>
/// <remarks>
/// A lead has a level of intent z at the decision and a slope s, both drawn from small grids. Days are counted back from the decision.
/// Processes (visits, chats, calls, showing requests) are Poisson with intensity rate(z) * w(day) * exp(-s * weeks before the decision),
/// w being the weight of the weekday. Contents of a visit are Poisson counts with mean(z). E-mails go out weekly and are opened, and then
/// clicked, with probabilities that depend on z. Hours, durations, people and places depend on nothing that matters.
/// Conversion = (1 - noise) * logistic(a + b z + c s + d income) + noise * base rate.
/// </remarks>
internal sealed class Funnel
{
    internal const int MinDays = 3;
    internal const int MaxDays = 59;
    internal const long DayMs = ActivityState.DayMs;
    internal const long HourMs = 3_600_000;

    /// <summary>Time that a click takes after the opening: an e-mail counts as opened when both could have been seen.</summary>
    internal const long ClickMs = 60_000;

    private const double LookersLevel = -0.8;
    private const double BuyersLevel = 1.3;
    private const double LevelDeviation = 0.55;
    private const double LevelWeight = 4.6;
    private const double SlopeWeight = 3.0;
    private const double IncomeWeight = 0.35;
    private const double MeanOpenDelayMs = 8 * HourMs;

    /// <summary>Levels of intent at the decision.</summary>
    internal static readonly double[] Levels = [.. Enumerable.Range(-10, 21).Select(i => i * 0.25)];

    /// <summary>Warming (positive) or cooling, in log rate per week.</summary>
    internal static readonly double[] Slopes = [-0.2, -0.1, 0, 0.1, 0.2];

    /// <summary>Prior of <see cref="Slopes"/>.</summary>
    internal static readonly double[] SlopePrior = [0.1, 0.2, 0.4, 0.2, 0.1];

    /// <summary>Levels of the attribute income_bracket, ascending.</summary>
    internal static readonly string[] Incomes = ["under_50k", "50k_75k", "75k_100k", "100k_150k", "over_150k"];

    /// <summary>Shares of <see cref="Incomes"/>.</summary>
    internal static readonly double[] IncomePrior = [0.2, 0.25, 0.25, 0.2, 0.1];

    private static readonly double[] IncomeScore = [-1.4, -0.5, 0.1, 0.8, 1.5];

    /// <summary>Things that happen in time; the first is the visit.</summary>
    internal static readonly Activity[] Processes =
    [
        new(EventTypes.Session, "website", 0.095, 0.50, -0.4),
        new(EventTypes.Chat, "website", 0.012, 0.50, 0),
        new(EventTypes.PhoneCall, "phone", 0.021, 0.85, 0),
        new(EventTypes.ShowingRequest, "crm", 0.027, 1.15, 0),
    ];

    /// <summary>Things that happen in a visit; the last is pages that are no property.</summary>
    internal static readonly Activity[] Contents =
    [
        new(EventTypes.PropertyView, "website", 1.00, 0.40, 0.6),
        new(EventTypes.SavedSearch, "website", 0.10, 0.50, 0),
        new(EventTypes.FormSubmission, "website", 0.08, 0.60, 0),
        new(EventTypes.MortgageCalculator, "website", 0.11, 0.80, -0.8),
        new(EventTypes.SchoolSearch, "website", 0.09, 0.35, 0),
        new(EventTypes.NeighborhoodResearch, "website", 0.12, 0.45, 0),
        new(EventTypes.PriceDropAlert, "website", 0.07, 0.70, 0),
        new(EventTypes.VirtualTour, "website", 0.11, 0.70, 0),
        new("", "website", 1.6, 0.15, 0),
    ];

    /// <summary>exp(-slope * weeks before the decision) by slope and day. Shape (slopes, days).</summary>
    internal static readonly double[][] Decay =
        [.. Slopes.Select(s => Enumerable.Range(0, MaxDays + 1).Select(d => Math.Exp(-s * d / 7.0)).ToArray())];

    /// <summary>Prior of <see cref="Levels"/>: most people look around, as many as the base rate mean to buy.</summary>
    internal readonly double[] LevelPrior;

    private readonly DemoWorldSettings settings;
    private readonly double intercept;
    private readonly double newIntercept;

    internal Funnel(DemoWorldSettings settings)
    {
        this.settings = settings;
        LevelPrior = Normalized(Levels.Select(z => ((1 - settings.BaseRate) * Bell(z, LookersLevel)) + (settings.BaseRate * Bell(z, BuyersLevel))));
        intercept = InterceptFor(settings.BaseRate, Margin);
        newIntercept = InterceptFor(settings.BaseRate, NewMargin);
    }

    /// <summary>Weight of the day that ends <paramref name="day"/> days before the decision: weekends are busier. Coast time without daylight saving.</summary>
    internal static double DayWeight(long decisionMs, int day)
    {
        var middle = decisionMs - (day * DayMs) - (DayMs / 2) - (5 * HourMs);
        var weekday = ((middle / DayMs) + 3) % 7;
        return weekday >= 5 ? 1.3 : 0.88;
    }

    internal static double OpenProbability(double level, double featureDrift) => Logistic(-0.9 + (0.6 * level) + (1.0 * featureDrift));

    internal static double ClickProbability(double level) => Logistic(-1.1 + (0.6 * level));

    /// <summary>Probability that an e-mail that will be opened has been by <paramref name="waitedMs"/> after it was sent.</summary>
    internal static double OpenedWithin(long waitedMs) => 1 - Math.Exp(-Math.Max(0, waitedMs - ClickMs) / MeanOpenDelayMs);

    internal static long OpenDelayMs(ref DemoRandom random) => (long)random.NextExponential(MeanOpenDelayMs);

    /// <summary>Probability of conversion of a lead whose intent is known, decided at <paramref name="decisionMs"/>.</summary>
    internal double Conversion(double level, double slope, int income, long decisionMs)
    {
        var probability = WithNoise(Logistic(intercept + Margin(level, slope, income)));
        var concept = settings.ConceptDrift.At(decisionMs);
        if (concept != 0) probability = ((1 - concept) * probability) + (concept * WithNoise(Logistic(newIntercept + NewMargin(level, slope, income))));
        var shift = settings.BaseRateShift.At(decisionMs);
        return shift == 0 ? probability : Logistic(Math.Log(probability / (1 - probability)) + shift);
    }

    private double WithNoise(double probability) => ((1 - settings.Noise) * probability) + (settings.Noise * settings.BaseRate);

    private static double Margin(double level, double slope, int income) =>
        (LevelWeight * level) + (SlopeWeight * slope) + (IncomeWeight * IncomeScore[income]);

    // After concept drift: money is dear, so income decides.
    private static double NewMargin(double level, double slope, int income) => (1.2 * level) + (3.5 * IncomeScore[income]);

    /// <summary>The intercept at which the prior mean of conversion is the base rate, by bisection.</summary>
    private double InterceptFor(double baseRate, Func<double, double, int, double> margin)
    {
        double low = -60, high = 60;
        for (var i = 0; i < 80; i++)
        {
            var middle = (low + high) / 2;
            double mean = 0;
            for (var z = 0; z < Levels.Length; z++)
                for (var s = 0; s < Slopes.Length; s++)
                    for (var m = 0; m < Incomes.Length; m++)
                        mean += LevelPrior[z] * SlopePrior[s] * IncomePrior[m] * Logistic(middle + margin(Levels[z], Slopes[s], m));
            if (mean < baseRate) low = middle;
            else high = middle;
        }

        return (low + high) / 2;
    }

    private static double Bell(double level, double mean) => Math.Exp(-(level - mean) * (level - mean) / (2 * LevelDeviation * LevelDeviation));

    private static double Logistic(double margin) => 1 / (1 + Math.Exp(-margin));

    private static double[] Normalized(IEnumerable<double> weights)
    {
        double[] all = [.. weights];
        var sum = all.Sum();
        return [.. all.Select(w => w / sum)];
    }
}
