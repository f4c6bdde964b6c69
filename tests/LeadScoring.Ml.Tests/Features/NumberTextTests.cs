using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class NumberTextTests
{
    [Theory]
    [InlineData("12", 12)]
    [InlineData(" -1.5e3 ", -1500)]
    [InlineData("+7", 7)]
    [InlineData("1,234.5", 1234.5)]
    [InlineData("1,234", 1234)]
    [InlineData("1,234,567", 1234567)]
    [InlineData("-1,234.5", -1234.5)]
    [InlineData("3,5", 3.5)]
    [InlineData("12,25", 12.25)]
    [InlineData("0,125", 0.125)]
    [InlineData("-0,125", -0.125)]
    [InlineData("1234,567", 1234.567)]
    [InlineData("45 %", 0.45)]
    [InlineData("45%", 0.45)]
    [InlineData("3,5 %", 0.035)]
    [InlineData("$ 1,200", 1200)]
    [InlineData("€3,5", 3.5)]
    [InlineData("£99", 99)]
    [InlineData("true", 1)]
    [InlineData("No", 0)]
    public void Parse_AsPeopleWrite_IsTheNumber(string text, double expected) => Assert.Equal(expected, NumberText.Parse(text), 12);

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("abc")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-∞")]
    [InlineData("1e999")]
    [InlineData("%")]
    [InlineData("$")]
    [InlineData(",")]
    [InlineData("1,2,3")]
    [InlineData("1,,234x")]
    [InlineData("1.2.3")]
    [InlineData("2024-01-01")]
    [InlineData("12 apples")]
    [InlineData("11111111111111111111111111111111111111111111111111111111111111111")]
    public void Parse_NoNumber_IsNaN(string text) => Assert.True(double.IsNaN(NumberText.Parse(text)));

    [Fact]
    public void Parse_AnyText_NeverThrowsNorGivesAnInfinity()
    {
        const string Alphabet = "0123456789,.-+eE%$€ NaInfty\0\t";
        for (var seed = 0; seed < 20_000; seed++)
        {
            var random = new Random(seed);
            var text = new string([.. Enumerable.Range(0, random.Next(12)).Select(_ => Alphabet[random.Next(Alphabet.Length)])]);
            Assert.False(double.IsInfinity(NumberText.Parse(text)), text);
        }
    }

    [Theory]
    [InlineData("", true)]
    [InlineData(" N/A ", true)]
    [InlineData("null", true)]
    [InlineData("-", true)]
    [InlineData("?", true)]
    [InlineData("None", true)]
    [InlineData("0", false)]
    [InlineData("no", false)]
    [InlineData("nowhere", false)]
    public void IsMissingToken_Table(string text, bool expected) => Assert.Equal(expected, NumberText.IsMissingToken(text));

    [Theory]
    [InlineData("3.0", "3")]
    [InlineData("3.00", "3")]
    [InlineData("-3.0", "-3")]
    [InlineData("3.10", "3.10")]
    [InlineData("3.", "3.")]
    [InlineData(".0", ".0")]
    [InlineData("-.0", "-.0")]
    [InlineData("v3.0", "v3.0")]
    [InlineData("007", "007")]
    public void Canonical_Table(string text, string expected) => Assert.Equal(expected, NumberText.Canonical(text));
}
