using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

/// <summary>The profiles as they lie in the repository.</summary>
internal static class ShippedProfiles
{
    private static readonly Lazy<string> Folder = new(() =>
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !Directory.Exists(Path.Combine(at.FullName, "sidecar", "profiles"))) at = at.Parent;
        return Path.Combine(at?.FullName ?? throw new DirectoryNotFoundException("no sidecar/profiles above the tests"), "sidecar", "profiles");
    });

    internal static readonly Lazy<FeatureProfile> RealEstate = new(() => FeatureProfile.Parse(Text("real-estate")));

    internal static string Text(string name) => File.ReadAllText(Path.Combine(Folder.Value, name + ".yml"));

    /// <summary>A profile with one numeric feature "x", changed by appending lines.</summary>
    internal static FeatureProfile Of(string features, string rest = "") =>
        FeatureProfile.Parse($"name: test\n{rest}\nfeatures:\n{features}");
}
