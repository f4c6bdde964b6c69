using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Experiments;

/// <summary>Which arm a lead belongs to: a function of salt and lead id alone, whatever process asks, in whatever order.</summary>
public static class Assignment
{
    private const double Hashes = 18446744073709551616.0;

    /// <summary>The lead's place between the arms.</summary>
    /// <returns>A number in [0, 1), evenly spread over leads: the first 64 bits of SHA-256 over "salt:lead id", divided by 2^64.</returns>
    public static double Place(string salt, string leadId) => (ulong)StableHash.Of($"{salt}:{leadId}") / Hashes;

    /// <summary>Whether the lead is the challenger's.</summary>
    /// <param name="salt">Of the experiment: another one deals anew.</param>
    /// <param name="leadId">The lead.</param>
    /// <param name="share">Share of leads for the challenger, in [0, 1].</param>
    public static bool IsChallenger(string salt, string leadId, double share) => Place(salt, leadId) < share;
}
