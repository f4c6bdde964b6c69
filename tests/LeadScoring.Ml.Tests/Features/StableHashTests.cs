using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class StableHashTests
{
    [Fact]
    public void Of_KnownTexts_NeverChange()
    {
        // First eight bytes, little-endian, of SHA-256: e3b0c44298fc1c14..., ba7816bf8f01cfea...
        Assert.Equal(unchecked((long)0x141cfc9842c4b0e3), StableHash.Of(""));
        Assert.Equal(unchecked((long)0xeacf018fbf1678ba), StableHash.Of("abc"));
        Assert.Equal(StableHash.Of(new string('x', 2_000)), StableHash.Of(new string('x', 2_000)));
    }

    /// <summary>From Python: (int.from_bytes(hashlib.sha256(f"{salt}:{text}".encode()).digest()[:8], "little") >> 11) / 2**53.</summary>
    [Theory]
    [InlineData("salt", "lead-1", 0.009321191268309326)]
    [InlineData("salt", "lead-2", 0.14444118348739454)]
    [InlineData("other", "lead-1", 0.8285202158413619)]
    [InlineData("", "Müller 7", 0.2942234045750508)]
    [InlineData("1", "a", 0.13630123293659357)]
    public void Unit_KnownTexts_NeverChange(string salt, string text, double expected) => Assert.Equal(expected, StableHash.Unit(text, salt));

    [Fact]
    public void Unit_SeedAsANumber_IsASalt() => Assert.Equal(StableHash.Unit("a", "1"), StableHash.Unit("a", 1));

    /// <summary>Shares of leads come out as asked, a larger share gives none back, and what is drawn under one salt says nothing of another.</summary>
    [Fact]
    public void Unit_ManyTexts_IsEvenAndIndependentBetweenSalts()
    {
        string[] ids = [.. Enumerable.Range(0, 20_000).Select(i => $"lead-{i}")];
        double[] one = [.. ids.Select(id => StableHash.Unit(id, "one"))], other = [.. ids.Select(id => StableHash.Unit(id, "other"))];
        Assert.All(one, u => Assert.InRange(u, 0, 0.9999999999999999));
        Assert.InRange(one.Average(), 0.49, 0.51);
        for (var tenth = 0; tenth < 10; tenth++) Assert.InRange(one.Count(u => u >= tenth / 10.0 && u < (tenth + 1) / 10.0), 1_830, 2_170);
        Assert.InRange(Enumerable.Range(0, ids.Length).Count(i => one[i] < 0.1 && other[i] < 0.1), 150, 250);
        Assert.InRange(Enumerable.Range(0, ids.Length).Count(i => one[i] < 0.5 == other[i] < 0.5) / 20_000.0, 0.488, 0.512);
    }
}
