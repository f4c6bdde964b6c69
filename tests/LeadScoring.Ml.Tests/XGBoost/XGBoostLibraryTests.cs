using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.XGBoost;

public sealed class XGBoostLibraryTests
{
    [Fact]
    public void Search_PathThatDoesNotExist_NamesItAndSaysHowToInstall()
    {
        var result = XGBoostLibrary.Search("/nowhere/libxgboost.so");

        Assert.Equal(IntPtr.Zero, result.Handle);
        Assert.Contains("/nowhere/libxgboost.so", result.WhyUnavailable, StringComparison.Ordinal);
        Assert.Contains("LEADSCORING_LIBXGBOOST", result.WhyUnavailable, StringComparison.Ordinal);
        Assert.Contains("apt-get install libxgboost0", result.WhyUnavailable, StringComparison.Ordinal);
    }

    [Fact]
    public void Availability_Always_VersionAndReasonAgree()
    {
        Assert.Equal(XGBoostLibrary.IsAvailable, XGBoostLibrary.WhyUnavailable is null);
        Assert.True(!XGBoostLibrary.IsAvailable || Version.Parse(XGBoostLibrary.Version!) >= new Version(1, 6));
    }

    [NativeXGBoostFact]
    public void Load_BytesThatAreNoModel_ThrowsWithXGBoostsReason()
    {
        var exception = Assert.Throws<XGBoostException>(() => XGBoostModel.Load("""{"learner": 1}"""u8));

        Assert.StartsWith("XGBoost: ", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Stack trace", exception.Message, StringComparison.Ordinal);
    }
}
