namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>One n8n for all tests that need a server.</summary>
[CollectionDefinition(Name)]
public sealed class N8nCollection : ICollectionFixture<N8nServer>
{
    public const string Name = "n8n";
}
