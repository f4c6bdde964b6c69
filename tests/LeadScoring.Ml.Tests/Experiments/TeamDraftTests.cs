using LeadScoring.Ml.Experiments;

namespace LeadScoring.Ml.Tests.Experiments;

public sealed class TeamDraftTests
{
    private static readonly string[] Ids = ["a", "b", "c", "d", "e", "f"];

    [Fact]
    public void Of_TwoRankings_EachRoundHoldsOneOfEach()
    {
        var list = TeamDraft.Of([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6], Ids, "salt", 6);
        Assert.Equal(6, list.Select(l => l.Lead).Distinct().Count());
        for (var i = 0; i < 6; i += 2) Assert.Single(list.Skip(i).Take(2), l => l.IsChallenger);
        // Each model's first lead is on the first two places.
        Assert.Equal([0, 5], list.Take(2).Select(l => l.Lead).Order());
        Assert.Equal(list, TeamDraft.Of([6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6], Ids, "salt", 6));
    }

    /// <summary>Radlinski, Kurup and Joachims: equal rankings share out places and their quality.</summary>
    [Fact]
    public void Of_SameRankings_GiveBothTheSamePlacesOnAverage()
    {
        double[] scores = [6, 5, 4, 3, 2, 1];
        var first = Enumerable.Range(0, 2_000).Count(i => TeamDraft.Of(scores, scores, Ids, $"s{i}", 6)[0].IsChallenger);
        Assert.InRange(first, 900, 1_100);
        Assert.Equal([0, 1, 2, 3, 4, 5], TeamDraft.Of(scores, scores, Ids, "s", 6).Select(l => l.Lead));
    }

    [Fact]
    public void Of_FewPlaces_EndsThere()
    {
        Assert.Equal(3, TeamDraft.Of([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], Ids, "s", 3).Count);
        Assert.Empty(TeamDraft.Of([], [], [], "s", 3));
        Assert.Throws<ArgumentException>(() => TeamDraft.Of([1], [], [], "s", 3));
    }
}
