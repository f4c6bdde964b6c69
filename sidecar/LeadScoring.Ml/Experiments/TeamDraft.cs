using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Experiments;

/// <summary>A place on an interleaved list.</summary>
/// <param name="Lead">Index of the lead.</param>
/// <param name="IsChallenger">Which model put it there.</param>
public readonly record struct DraftedLead(int Lead, bool IsChallenger);

/// <summary>One list out of two rankings.</summary>
/// <remarks>
/// Radlinski, Kurup and Joachims (2008), "How does clickthrough data reflect retrieval quality?": as captains choose teams. In each round a coin says who goes first; each model puts the lead that it ranks highest and that is not on the
/// list yet. Both get as many places, as high ones on average, and what becomes of a place tells which model ranks better.
/// </remarks>
public static class TeamDraft
{
    /// <param name="champion">Champion's scores. Shape (leads,).</param>
    /// <param name="challenger">Challenger's scores. Shape (leads,).</param>
    /// <param name="leadIds">Break ties, in ordinal order. Shape (leads,).</param>
    /// <param name="salt">Of coin and experiment: the same salt gives the same coins.</param>
    /// <param name="places">Longest list.</param>
    /// <returns>The list, the first place first.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static IReadOnlyList<DraftedLead> Of(IReadOnlyList<double> champion, IReadOnlyList<double> challenger, IReadOnlyList<string> leadIds, string salt, int places)
    {
        if (champion.Count != challenger.Count || champion.Count != leadIds.Count) throw new ArgumentException("scores and lead ids differ in number");
        var rankings = new[] { Ranking(champion, leadIds), Ranking(challenger, leadIds) };
        var (next, taken, list) = (new int[2], new bool[leadIds.Count], new List<DraftedLead>());
        for (var round = 0; list.Count < Math.Min(places, leadIds.Count); round++)
        {
            var first = StableHash.Unit($"round {round}", salt) < 0.5 ? 1 : 0;
            foreach (var team in new[] { first, 1 - first })
            {
                while (next[team] < leadIds.Count && taken[rankings[team][next[team]]]) next[team]++;
                if (next[team] == leadIds.Count || list.Count == places) break;
                var lead = rankings[team][next[team]];
                taken[lead] = true;
                list.Add(new DraftedLead(lead, team == 1));
            }
        }

        return list;
    }

    private static int[] Ranking(IReadOnlyList<double> scores, IReadOnlyList<string> leadIds) =>
        [.. Enumerable.Range(0, leadIds.Count).OrderByDescending(i => scores[i]).ThenBy(i => leadIds[i], StringComparer.Ordinal)];
}
