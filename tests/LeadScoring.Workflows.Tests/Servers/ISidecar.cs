namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A running sidecar, real or fake, and what a caller needs to know of it.</summary>
internal interface ISidecar : IAsyncDisposable
{
    Uri Url { get; }

    string ApiKey { get; }

    string OrganizationId { get; }
}
