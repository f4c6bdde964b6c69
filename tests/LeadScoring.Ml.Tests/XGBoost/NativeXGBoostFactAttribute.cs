using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.XGBoost;

/// <summary>A test that needs libxgboost: skipped at home where it is missing, failing in CI (environment variable CI is set).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NativeXGBoostFactAttribute : FactAttribute
{
    public NativeXGBoostFactAttribute() =>
        Skip = XGBoostLibrary.IsAvailable || Environment.GetEnvironmentVariable("CI") is not null ? null : XGBoostLibrary.WhyUnavailable;
}
