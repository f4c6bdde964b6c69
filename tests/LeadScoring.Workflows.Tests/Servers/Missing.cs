namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A part that a test needs is not on this machine, and this is not CI: the test is skipped.</summary>
internal sealed class MissingPartException(string reason) : Exception(reason);

/// <summary>What becomes of a test when a part it needs is not on this machine: skipped at home, failed in CI.</summary>
internal static class Missing
{
    public static Exception Part(string reason) => Part(reason, Environment.GetEnvironmentVariable("CI"));

    internal static Exception Part(string reason, string? ci) => ci is null or "" or "0" or "false"
        ? new MissingPartException(reason)
        : new InvalidOperationException($"Missing in CI, where nothing may be missing: {reason}");
}
