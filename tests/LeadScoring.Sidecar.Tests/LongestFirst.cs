using Xunit.Abstractions;

[assembly: TestCollectionOrderer("LeadScoring.Sidecar.Tests.LongestFirst", "LeadScoring.Sidecar.Tests")]

namespace LeadScoring.Sidecar.Tests;

/// <summary>Classes that take minutes begin first: what begins last is waited for by a machine that has nothing else to do.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Longest = ["DriftYearTests", "ControlYearTests", "PublicDataTests", "RetrainKillTests", "TrainingServerTests"];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(c => Array.FindIndex(Longest, name => c.DisplayName.EndsWith("." + name, StringComparison.Ordinal)) is >= 0 and var place ? place : Longest.Length);
}
