namespace LeadScoring.Ml.Recommendation;

/// <summary>How the leads of an organization answer by one channel: a beta prior for each of them.</summary>
/// <param name="Rate">Expected share of attempts that are answered, 0 to 1.</param>
/// <param name="Strength">Attempts that the prior is worth: a + b of the beta distribution.</param>
/// <param name="Attempts">Attempts that it was learned from.</param>
/// <param name="Responses">How many of them were answered.</param>
public sealed record ResponseNorm(double Rate, double Strength, long Attempts, long Responses);

/// <summary>What an organization's leads have in common: when they are active, and how they answer. Immutable; made by <see cref="ContactNormsLearner"/>.</summary>
/// <param name="LearnedAtMs">When it was learned, Unix ms.</param>
/// <param name="Leads">Leads with activity that it was learned from.</param>
/// <param name="Evidence">Their active days and weighted responses.</param>
/// <param name="Hours">Share of the week's contacts that each hour is good for, in the leads' own zones, Monday 00:00 first. Length 168, sum 1.</param>
/// <param name="Strength">Active days that the shares are worth as a lead's prior.</param>
/// <param name="Channels">By channel name; channels without an attempt are absent.</param>
public sealed record ContactNorms(
    long LearnedAtMs, int Leads, double Evidence, IReadOnlyList<double> Hours, double Strength, IReadOnlyDictionary<string, ResponseNorm> Channels)
{
    /// <summary>Active days below which an organization's hours say nothing.</summary>
    public const double LeastEvidence = 100;

    /// <summary>Strength of the hours until it can be estimated, in active days.</summary>
    public const double UsualStrength = 20;

    /// <summary>Strength of a channel's rate until it can be estimated, in attempts.</summary>
    public const double UsualChannelStrength = 10;

    /// <summary>Whether there is enough to prefer one hour over another for a lead of whom nothing is known.</summary>
    public bool KnowsHours => Evidence >= LeastEvidence;
}
