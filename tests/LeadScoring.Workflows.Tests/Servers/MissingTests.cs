namespace LeadScoring.Workflows.Tests.Servers;

public sealed class MissingTests
{
    [Theory]
    [InlineData(null, typeof(MissingPartException))]
    [InlineData("", typeof(MissingPartException))]
    [InlineData("false", typeof(MissingPartException))]
    [InlineData("true", typeof(InvalidOperationException))]
    [InlineData("1", typeof(InvalidOperationException))]
    public void Part_AtHomeOrInCi_SkipsOrFails(string? ci, Type expected) => Assert.IsType(expected, Missing.Part("no npm", ci));
}
