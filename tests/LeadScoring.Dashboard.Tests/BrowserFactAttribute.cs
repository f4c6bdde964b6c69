namespace LeadScoring.Dashboard.Tests;

/// <summary>A fact that needs the machine's Chromium and libxgboost: skipped where one is missing, failed there in CI.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserFactAttribute : FactAttribute
{
    internal const string Chromium = "/usr/bin/chromium";

    public BrowserFactAttribute()
    {
        if (Environment.GetEnvironmentVariable("CI") is not (null or "" or "0" or "false")) return;
        if (!File.Exists(Chromium)) Skip = $"{Chromium} is missing: apt-get install chromium";
        else if (!LeadScoring.Ml.XGBoost.XGBoostLibrary.IsAvailable) Skip = LeadScoring.Ml.XGBoost.XGBoostLibrary.WhyUnavailable;
    }
}
