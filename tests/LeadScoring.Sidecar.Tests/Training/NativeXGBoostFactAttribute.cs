using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>A test that needs libxgboost: skipped at home where it is missing, failing in CI (environment variable CI is set).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NativeXGBoostFactAttribute : FactAttribute
{
    public NativeXGBoostFactAttribute() => Skip = NativeXGBoost.WhySkip;
}

/// <summary>The same for a test with cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NativeXGBoostTheoryAttribute : TheoryAttribute
{
    public NativeXGBoostTheoryAttribute() => Skip = NativeXGBoost.WhySkip;
}

internal static class NativeXGBoost
{
    internal static string? WhySkip => XGBoostLibrary.IsAvailable || Environment.GetEnvironmentVariable("CI") is not null ? null : XGBoostLibrary.WhyUnavailable;
}
