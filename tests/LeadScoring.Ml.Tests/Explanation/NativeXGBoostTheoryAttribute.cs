using LeadScoring.Ml.Tests.XGBoost;

namespace LeadScoring.Ml.Tests.Explanation;

/// <summary><see cref="NativeXGBoostFactAttribute"/> for a test with cases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NativeXGBoostTheoryAttribute : TheoryAttribute
{
    public NativeXGBoostTheoryAttribute() => Skip = new NativeXGBoostFactAttribute().Skip;
}
