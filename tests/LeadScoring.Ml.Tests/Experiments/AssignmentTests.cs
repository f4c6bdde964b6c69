using LeadScoring.Ml.Experiments;

namespace LeadScoring.Ml.Tests.Experiments;

public sealed class AssignmentTests
{
    /// <summary>From Python: int.from_bytes(hashlib.sha256(f"{salt}:{lead}".encode()).digest()[:8], "little") / 2**64.</summary>
    [Theory]
    [InlineData("salt", "lead-1", 0.009321191268309327)]
    [InlineData("salt", "lead-2", 0.14444118348739454)]
    [InlineData("other", "lead-1", 0.828520215841362)]
    [InlineData("", "Müller 7", 0.2942234045750509)]
    public void Place_KnownValues_StayWhatTheyAre(string salt, string leadId, double expected) => Assert.Equal(expected, Assignment.Place(salt, leadId), 1e-15);

    [Fact]
    public void IsChallenger_ManyLeads_AreSharedOutAsAsked()
    {
        var ids = Enumerable.Range(0, 20_000).Select(i => $"lead-{i}").ToArray();
        foreach (var share in new[] { 0.1, 0.5, 0.9 })
            Assert.InRange(ids.Count(id => Assignment.IsChallenger("s", id, share)) / 20_000.0, share - 0.012, share + 0.012);
        // A larger share takes leads from the champion and gives none back.
        Assert.All(ids, id => Assert.True(!Assignment.IsChallenger("s", id, 0.1) || Assignment.IsChallenger("s", id, 0.5)));
        // Another salt deals anew: the arms of two experiments say nothing of each other.
        Assert.InRange(ids.Count(id => Assignment.IsChallenger("s", id, 0.5) == Assignment.IsChallenger("t", id, 0.5)) / 20_000.0, 0.488, 0.512);
    }
}
