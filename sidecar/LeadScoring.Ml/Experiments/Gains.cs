namespace LeadScoring.Ml.Experiments;

/// <summary>What leads say of challenger against champion, as a stream of observations whose mean is the difference: positive when the challenger is better.</summary>
/// <remarks>Leads come in the order of their exposure. What an observation could become is told by leads before it and by scores, never by its own outcomes.</remarks>
public static class Gains
{
    // A probability of 0 that converts would outweigh all other leads.
    private const double Clip = 0.01;

    // Conversions and leads that the running rate begins with.
    private const double PriorConversions = 1, PriorLeads = 10;

    /// <summary>Difference in conversion rate between the arms of a split.</summary>
    /// <remarks>
    /// Each lead gives (y - r) / s in the challenger's arm and -(y - r) / (1 - s) in the champion's, with s the share of the challenger and r the rate of the leads before: its mean over the random arm is the difference of the two
    /// rates (Horvitz-Thompson), whatever r is; r takes the common rate out and with it most of the variance (Robins, Rotnitzky and Zhao 1994). Condition: arms are dealt by <see cref="Features.StableHash"/> with that share.
    /// </remarks>
    /// <param name="leads">In the order of exposure.</param>
    /// <param name="share">Challenger's share, in (0, 1).</param>
    /// <returns>Number of leads that it took, and the observation.</returns>
    public static IEnumerable<(int Leads, Gain Gain)> OfArms(IReadOnlyList<TestedLead> leads, double share)
    {
        double conversions = PriorConversions, seen = PriorLeads;
        for (var i = 0; i < leads.Count; i++)
        {
            var rate = conversions / seen;
            var y = leads[i].Converted ? 1 : 0;
            var value = leads[i].IsChallenger ? (y - rate) / share : (rate - y) / (1 - share);
            var (least, most) = (Math.Min(-rate / share, (rate - 1) / (1 - share)), Math.Max((1 - rate) / share, rate / (1 - share)));
            yield return (i + 1, new Gain(value, least, most));
            conversions += y;
            seen++;
        }
    }

    /// <summary>Difference in log loss on the same leads: the champion's less the challenger's, nats.</summary>
    /// <remarks>Probabilities are cut at 0.01 and 0.99. Both values that the difference can take are known before the outcome.</remarks>
    /// <param name="leads">In the order of exposure, with both probabilities.</param>
    public static IEnumerable<(int Leads, Gain Gain)> OfLoss(IReadOnlyList<TestedLead> leads)
    {
        for (var i = 0; i < leads.Count; i++)
        {
            double p = Math.Clamp(leads[i].Champion, Clip, 1 - Clip), q = Math.Clamp(leads[i].Challenger, Clip, 1 - Clip);
            var (ifConverted, ifNot) = (Math.Log(q / p), Math.Log((1 - q) / (1 - p)));
            yield return (i + 1, new Gain(leads[i].Converted ? ifConverted : ifNot, Math.Min(ifConverted, ifNot), Math.Max(ifConverted, ifNot)));
        }
    }

    /// <summary>Difference in conversion between leads that one model and the other put on a list: the first of one against the first of the other, and so on.</summary>
    /// <remarks>Team-draft interleaving: Radlinski, Kurup and Joachims (2008). If neither ranks better, whatever one picks next converts as often as what the other does.</remarks>
    /// <param name="leads">In the order of exposure.</param>
    public static IEnumerable<(int Leads, Gain Gain)> OfPairs(IReadOnlyList<TestedLead> leads)
    {
        Queue<bool> waiting = new();
        var isChallengers = false;
        for (var i = 0; i < leads.Count; i++)
        {
            if (waiting.Count == 0 || leads[i].IsChallenger == isChallengers)
            {
                isChallengers = leads[i].IsChallenger;
                waiting.Enqueue(leads[i].Converted);
                continue;
            }

            double own = leads[i].Converted ? 1 : 0, other = waiting.Dequeue() ? 1 : 0;
            yield return (i + 1, new Gain(leads[i].IsChallenger ? own - other : other - own, -1, 1));
        }
    }

    /// <summary>Difference in conversion among the leads that each model would have called, block by block.</summary>
    /// <remarks>
    /// In a shadow both models choose the best of the same leads. In a split a block ends when each arm has its leads, and each model chooses among the first of its own. What a block can give is told by its size alone.
    /// </remarks>
    /// <param name="leads">In the order of exposure; in a split with the probability of the model that scored.</param>
    /// <param name="isSplit">Whether arms hold different leads.</param>
    /// <param name="capacity">Share of leads that are called, in (0, 0.5].</param>
    public static IEnumerable<(int Leads, Gain Gain)> OfTop(IReadOnlyList<TestedLead> leads, bool isSplit, double capacity)
    {
        var (size, called) = Block(capacity);
        List<TestedLead> champion = [], challenger = [];
        for (var i = 0; i < leads.Count; i++)
        {
            if (!isSplit || !leads[i].IsChallenger) champion.Add(leads[i]);
            if (!isSplit || leads[i].IsChallenger) challenger.Add(leads[i]);
            if (Math.Min(champion.Count, challenger.Count) < size) continue;
            double own = Conversions(challenger.Take(size), l => l.Challenger, called), other = Conversions(champion.Take(size), l => l.Champion, called);
            yield return (i + 1, new Gain((own - other) / called, -1, 1));
            champion.Clear();
            challenger.Clear();
        }
    }

    /// <summary>Leads in a block, and how many of them are called.</summary>
    public static (int Size, int Called) Block(double capacity) => capacity >= 0.1 ? (10, (int)Math.Round(10 * capacity)) : ((int)Math.Round(1 / capacity), 1);

    private static int Conversions(IEnumerable<TestedLead> leads, Func<TestedLead, double> probability, int called) =>
        leads.OrderByDescending(probability).ThenBy(l => l.LeadId, StringComparer.Ordinal).Take(called).Count(l => l.Converted);
}
