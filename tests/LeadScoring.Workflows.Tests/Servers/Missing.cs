using Xunit.Sdk;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>What becomes of a test when a part it needs is not on this machine: skipped at home, failed in CI.</summary>
internal static class Missing
{
    public static Exception Part(string reason) => IsCi(Environment.GetEnvironmentVariable("CI"))
        ? new InvalidOperationException($"Missing in CI, where nothing may be missing: {reason}")
        : SkipException.ForSkip(reason);

    internal static bool IsCi(string? value) => value is not (null or "" or "0" or "false");
}
