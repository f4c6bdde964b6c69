using LeadScoring.Ml.Sampling;

namespace LeadScoring.Ml.Tests.Sampling;

public sealed class StableShareTests
{
    // Python: (int.from_bytes(hashlib.sha256(b"salt\nlead-1").digest()[:8], "little") >> 11) / 2**53
    [Theory]
    [InlineData("salt", "lead-1", 0.8054115324649279)]
    [InlineData("", "\u00fc", 0.753101537203361)]
    public void Of_KnownIds_IsTheirHash(string salt, string id, double expected) => Assert.Equal(expected, StableShare.Of(salt, id));

    [Fact]
    public void Of_ManyIds_IsUniformAndIndependentBetweenSalts()
    {
        string[] ids = [.. Enumerable.Range(0, 20_000).Select(i => $"lead-{i}")];
        double[] one = [.. ids.Select(id => StableShare.Of("one", id))], other = [.. ids.Select(id => StableShare.Of("other", id))];
        for (var tenth = 0; tenth < 10; tenth++) Assert.InRange(one.Count(u => u >= tenth / 10.0 && u < (tenth + 1) / 10.0), 1_830, 2_170);
        Assert.InRange(Enumerable.Range(0, ids.Length).Count(i => one[i] < 0.1 && other[i] < 0.1), 150, 250);
    }
}
