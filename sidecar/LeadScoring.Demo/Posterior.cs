namespace LeadScoring.Demo;

/// <summary>The probability of conversion given what was observed: sum over hidden intent of posterior times conversion.</summary>
/// <remarks>
/// Exact, since intent lives on the grid itself: with Poisson and binomial counts the log-likelihood of (z, s) is
/// A z - s B - E(s) L(z) - V M(z) + e-mails(z) up to a constant, where A = sum of count * loading, B = weeks before the decision summed over
/// process events, E = exposure of the days, L = process rates, V = visits, M = means of a visit's contents. Unknown income is integrated out.
/// </remarks>
internal static class Posterior
{
    /// <summary>Probability of conversion in (0, 1).</summary>
    internal static double Probability(Funnel funnel, DemoWorldSettings settings, Observation seen)
    {
        var drift = settings.FeatureDrift.At(seen.DecisionMs);
        Span<double> exposure = stackalloc double[Funnel.Slopes.Length];
        Exposure(seen.DecisionMs, seen.Days, exposure);
        Span<double> logs = stackalloc double[Funnel.Levels.Length * Funnel.Slopes.Length];
        var at = 0;
        var loading = Loading(seen);
        foreach (var z in Funnel.Levels)
        {
            var level = Math.Log(funnel.LevelPrior[at / Funnel.Slopes.Length]) + (loading * z) - (seen.Visits * VisitMean(z, drift)) + LogEmails(seen, z, drift);
            var rate = ProcessRate(seen, z, drift);
            for (var s = 0; s < Funnel.Slopes.Length; s++)
                logs[at++] = level + Math.Log(Funnel.SlopePrior[s]) - (Funnel.Slopes[s] * seen.WeeksBefore) - (exposure[s] * rate);
        }

        return Average(funnel, seen, logs);
    }

    /// <summary>Weighted days before the decision, by slope. Length: slopes.</summary>
    internal static void Exposure(long decisionMs, int days, Span<double> exposure)
    {
        exposure.Clear();
        for (var d = 0; d < days; d++)
        {
            var weight = Funnel.DayWeight(decisionMs, d);
            for (var s = 0; s < exposure.Length; s++) exposure[s] += weight * Funnel.Decay[s][d];
        }
    }

    private static double Average(Funnel funnel, Observation seen, ReadOnlySpan<double> logs)
    {
        var top = logs[0];
        foreach (var log in logs) top = Math.Max(top, log);
        double whole = 0, converted = 0;
        for (var i = 0; i < logs.Length; i++)
        {
            var weight = Math.Exp(logs[i] - top);
            // Beyond double precision of the sum: spares most of the grid.
            if (weight < 1e-17) continue;
            whole += weight;
            converted += weight * Conversion(funnel, seen, Funnel.Levels[i / Funnel.Slopes.Length], Funnel.Slopes[i % Funnel.Slopes.Length]);
        }

        return converted / whole;
    }

    private static double Conversion(Funnel funnel, Observation seen, double level, double slope)
    {
        if (seen.Income >= 0) return funnel.Conversion(level, slope, seen.Income, seen.DecisionMs);
        double sum = 0;
        for (var m = 0; m < Funnel.Incomes.Length; m++) sum += Funnel.IncomePrior[m] * funnel.Conversion(level, slope, m, seen.DecisionMs);
        return sum;
    }

    private static double Loading(Observation seen)
    {
        double sum = 0;
        for (var k = 0; k < Funnel.Processes.Length; k++) sum += seen.ProcessCounts[k] * Funnel.Processes[k].Loading;
        for (var k = 0; k < Funnel.Contents.Length; k++) sum += seen.ContentCounts[k] * Funnel.Contents[k].Loading;
        return sum;
    }

    private static double ProcessRate(Observation seen, double level, double drift)
    {
        double sum = 0;
        for (var k = seen.Tracked ? 0 : 1; k < Funnel.Processes.Length; k++) sum += Funnel.Processes[k].Mean(level, drift);
        return sum;
    }

    private static double VisitMean(double level, double drift)
    {
        double sum = 0;
        foreach (var content in Funnel.Contents) sum += content.Mean(level, drift);
        return sum;
    }

    private static double LogEmails(Observation seen, double level, double drift)
    {
        if (seen.Emails.Count == 0) return 0;
        double open = Funnel.OpenProbability(level, drift), click = Funnel.ClickProbability(level), sum = 0;
        foreach (var mail in seen.Emails)
        {
            sum += !mail.Opened ? Math.Log(1 - (open * Funnel.OpenedWithin(mail.WaitedMs)))
                : Math.Log(open) + Math.Log(mail.Clicked ? click : 1 - click);
        }

        return sum;
    }
}
