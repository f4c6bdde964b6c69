using MathNet.Numerics;

namespace LeadScoring.Ml.Experiments;

/// <summary>Whether the arms hold the shares of leads that they were to hold. If they do not, something sorts leads into arms, and no figure of the experiment means anything.</summary>
/// <remarks>
/// Pearson's chi-squared test with one degree of freedom; Fabijan et al. (2019), "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments". Looked at whenever there are a quarter more leads than at the look before, so
/// that a level of 0.001 a look stays about one in a hundred over a whole experiment.
/// </remarks>
public static class SampleRatio
{
    /// <summary>Level below which an experiment is invalid.</summary>
    public const double Level = 0.001;

    private const int FirstLook = 40;
    private const double Growth = 1.25;

    /// <summary>Chi-squared statistic.</summary>
    /// <param name="challenger">Leads in the challenger's arm, 0 or more.</param>
    /// <param name="champion">Leads in the champion's arm, 0 or more.</param>
    /// <param name="share">Share that the challenger's arm was to get, in (0, 1).</param>
    /// <exception cref="ArgumentException">Out of range.</exception>
    public static double ChiSquared(long challenger, long champion, double share)
    {
        if (challenger < 0 || champion < 0) throw new ArgumentException("counts of leads are 0 or more");
        if (!(share is > 0 and < 1)) throw new ArgumentException($"share {share} is not in (0, 1)", nameof(share));
        double all = challenger + champion;
        if (all == 0) return 0;
        var off = challenger - (share * all);
        return off * off / (all * share * (1 - share));
    }

    /// <summary>Probability of a statistic as large by chance; 1 without leads.</summary>
    /// <inheritdoc cref="ChiSquared" />
    public static double PValue(long challenger, long champion, double share) => SpecialFunctions.Erfc(Math.Sqrt(ChiSquared(challenger, champion, share) / 2));

    /// <summary>Goes through leads in the order in which they came.</summary>
    /// <param name="arms">True for the challenger's.</param>
    /// <param name="share">As in <see cref="ChiSquared"/>.</param>
    /// <returns>Number of leads at the first look that found the shares wrong; null when none did.</returns>
    public static int? InvalidAfter(IEnumerable<bool> arms, double share)
    {
        int challenger = 0, all = 0, next = FirstLook;
        foreach (var isChallenger in arms)
        {
            all++;
            if (isChallenger) challenger++;
            if (all < next) continue;
            if (PValue(challenger, all - challenger, share) < Level) return all;
            next = (int)Math.Ceiling(all * Growth);
        }

        return null;
    }
}
