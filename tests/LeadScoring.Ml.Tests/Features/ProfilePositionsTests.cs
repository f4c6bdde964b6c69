using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class ProfilePositionsTests
{
    [Theory]
    [InlineData("name: x\nfeatures:\n  - {name: a}\n  - {name: a}\n", "'a' stands twice (line 4, column 5)")]
    [InlineData("name: x\nhorizon_days: 0\nfeatures:\n  - {name: a}\n", "horizon_days: 0 is not in 1..3650 (line 2, column 1)")]
    [InlineData("name: x\nfeatures:\n  - name: b\n    from: ['nothing:x']\n", "(line 3, column 5)")]
    [InlineData("name: x\nfeatures:\n  - {name: a}\nactions:\n  - id: call\n    text: Call\n    when:\n      - {feature: a, at_least: 1}\n      - {group: nope}\n", "no feature is in group 'nope' (line 9, column 9)")]
    [InlineData("name: x\nfeatures: []\n", "features: at least one is needed (line 2, column 1)")]
    [InlineData("features:\n  - {name: a}\n", "name: missing")]
    public void Parse_WithFault_NamesLineAndColumn(string yaml, string complaint) => Assert.Contains(complaint, Assert.Throws<ProfileException>(() => FeatureProfile.Parse(yaml)).Message);
}
