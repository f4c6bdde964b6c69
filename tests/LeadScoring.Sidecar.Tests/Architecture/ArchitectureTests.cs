using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Tests.Storage;

namespace LeadScoring.Sidecar.Tests.Architecture;

/// <summary>Directions of dependency between folders. Each rule has a planted offender, or it might be asleep.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string Sidecar = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar"));

    private static readonly FolderRules Host = new("LeadScoring.Sidecar", new Dictionary<string, string[]>
    {
        ["Organizations"] = [],
        ["Leads"] = ["Organizations"],
        // A promotion starts the rescoring of the open leads, and tells those who listen, in the same write.
        ["Models"] = ["Organizations", "Leads", "Webhooks"],
        // Which event types the active profile uses.
        ["Events"] = ["Organizations", "Leads"],
        ["Outcomes"] = ["Leads"],
        // Which leads are in an experiment goes with them when they are erased; the horizon is the profile's.
        ["Experiments"] = ["Organizations", "Leads", "Models"],
        ["Scoring"] = ["Organizations", "Leads", "Events", "Models", "Experiments", "Webhooks"],
        // A model that is deployed in stages begins with a shadow experiment.
        ["Training"] = ["Organizations", "Leads", "Events", "Outcomes", "Models", "Experiments", "Webhooks"],
        // What people say of scores is held against what became of the leads.
        ["Feedback"] = ["Organizations", "Leads", "Outcomes", "Models", "Scoring", "Webhooks"],
        // Leads are replayed to the moment of their first score; feedback, actions and fairness are reported on.
        ["Monitoring"] = ["Organizations", "Leads", "Events", "Outcomes", "Models", "Training", "Scoring", "Recommendations", "Feedback", "Webhooks"],
        // A recorded action is also an event of its lead, and is judged by outcomes.
        ["Recommendations"] = ["Organizations", "Leads", "Events", "Outcomes", "Models", "Scoring"],
        ["Webhooks"] = ["Organizations"],
        ["Imports"] = ["Leads", "Events", "Outcomes", "Scoring"],
        // What is written back is scored by the active model.
        ["Sync"] = ["Leads", "Events", "Outcomes", "Scoring", "Models"],
        ["Dashboard"] = ["*"],
        ["Reports"] = ["*"],
        ["Cli"] = ["*"],
        ["Privacy"] = ["*"],
        // Every slice tells the audit log what it changes.
    }, ["Api", "Storage", "Jobs", "Telemetry", "Audit"]);

    private static readonly string[] MlFree = ["Features", "Trees", "Network", "Regression", "Calibration", "Metrics", "Drift", "Fairness", "Rules"];

    private static readonly FolderRules Ml = new("LeadScoring.Ml", new Dictionary<string, string[]>(MlFree.Select(f => KeyValuePair.Create(f, Array.Empty<string>())))
    {
        // Rules read the profile that Features defines; encoders of the members do too.
        ["Rules"] = ["Features"],
        // Gaps between groups come with the intervals that all metrics have.
        ["Fairness"] = ["Metrics"],
        ["XGBoost"] = ["Trees"],
        // The model scores feature values and carries their preprocessing.
        ["Ensemble"] = ["Features", "Trees", "Network", "Regression", "Calibration"],
        ["Explanation"] = ["Ensemble", "Features", "Trees", "Network", "Regression", "Calibration"],
        ["Training"] = [.. MlFree, "XGBoost", "Ensemble"],
        // A bundle tells how it was trained and how good it is, and carries the base rates that explanations quote; training and explanation know nothing of bundles.
        ["Bundles"] = ["Drift", "Explanation", "Features", "Ensemble", "Calibration", "Trees", "Network", "Regression", "Training", "XGBoost", "Fairness"],
        // Arms are dealt by the stable hash.
        ["Experiments"] = ["Features"],
        ["Recommendation"] = ["Features"],
    }, []);

    // A vendor knows the HTTP that all share, and no other vendor.
    private static readonly string Connectors = Path.GetFullPath(Path.Combine(Sidecar, "../connectors/LeadScoring.Connectors"));

    private static readonly FolderRules Vendors = new(
        "LeadScoring.Connectors", Directory.EnumerateDirectories(Connectors).Select(Path.GetFileName).Where(f => f is not ("bin" or "obj" or "Http")).ToDictionary(f => f!, _ => Array.Empty<string>()), ["Http"]);

    [Fact]
    public void Connectors_Vendors_KnowHttpAlone() => Assert.Empty(Vendors.ComplaintsUnder(Connectors));

    [Fact]
    public void Connectors_PlantedOffender_IsFound() => Assert.NotEmpty(Vendors.Complaints("Http", "planted.cs", "using LeadScoring.Connectors.HubSpot;"));

    /// <summary>No scoring, SQL, web server or logging.</summary>
    [Fact]
    public void Connectors_RestOfTheProduct_IsUnknown()
    {
        var sources = FolderRules.Sources(Connectors).Select(p => (Path.GetRelativePath(Connectors, p), File.ReadAllText(p)));
        Assert.Empty(Offenders(ForeignToConnectors, sources));
        Assert.Single(Offenders(ForeignToConnectors, [("planted.cs", "using LeadScoring.Ml.Features;")]));
    }

    [GeneratedRegex(@"\b(LeadScoring\.(Ml|Sidecar|Demo)|Dapper|Npgsql|Microsoft\.AspNetCore|Microsoft\.Data|Microsoft\.Extensions)\b(?!\.Tests)")]
    private static partial Regex ForeignToConnectors { get; }

    [Fact]
    public void Host_Folders_KeepTheirDirections() => Assert.Empty(Host.ComplaintsUnder(Path.Combine(Sidecar, "LeadScoring.Sidecar")));

    [Fact]
    public void Ml_Folders_KeepTheirDirections() => Assert.Empty(Ml.ComplaintsUnder(Path.Combine(Sidecar, "LeadScoring.Ml")));

    [Theory]
    [InlineData("Scoring", "using LeadScoring.Sidecar.Training;")]
    [InlineData("Leads", "namespace X; class Y { Events.EventStore? store; }")]
    [InlineData("Api", "using LeadScoring.Sidecar.Organizations;")]
    [InlineData("Storage", "var x = LeadScoring.Sidecar.Leads.LeadStore.Y;")]
    [InlineData("Outcomes", "using static LeadScoring.Sidecar.Cli.Terminal;")]
    [InlineData("Misc", "")]
    public void Host_PlantedOffender_IsFound(string folder, string source) => Assert.NotEmpty(Host.Complaints(folder, "planted.cs", source));

    [Theory]
    [InlineData("Scoring", "using LeadScoring.Sidecar.Leads;")]
    [InlineData("Leads", "// Events.EventStore is what fills it\nvar s = \"Events.Store\"; plan.Training.Rows();")]
    [InlineData("Cli", "using LeadScoring.Sidecar.Training;")]
    public void Host_Allowed_IsLeftAlone(string folder, string source) => Assert.Empty(Host.Complaints(folder, "fine.cs", source));

    [Fact]
    public void Ml_PlantedOffender_IsFound() => Assert.NotEmpty(Ml.Complaints("Trees", "planted.cs", "using LeadScoring.Ml.XGBoost;"));

    [GeneratedRegex(@"\b(DllImport|LibraryImport|NativeLibrary)\b")]
    private static partial Regex NativeCall { get; }

    [GeneratedRegex(@"\b(System\.Net|Microsoft\.AspNetCore|Microsoft\.Extensions|Dapper|Microsoft\.Data|LeadScoring\.Demo|LeadScoring\.Sidecar)\b(?!\.Tests)")]
    private static partial Regex Foreign { get; }

    private static IEnumerable<string> Offenders(Regex rule, IEnumerable<(string Path, string Source)> sources) =>
        sources.Where(s => rule.IsMatch(Regex.Replace(s.Source, @"//[^\n]*", ""))).Select(s => s.Path);

    private static IEnumerable<(string Path, string Source)> MlSources() =>
        FolderRules.Sources(Path.Combine(Sidecar, "LeadScoring.Ml")).Select(p => (Path.GetRelativePath(Path.Combine(Sidecar, "LeadScoring.Ml"), p), File.ReadAllText(p)));

    [Fact]
    public void Ml_NativeCalls_AreInXGBoostOnly()
    {
        Assert.Empty(Offenders(NativeCall, MlSources().Where(s => !s.Path.StartsWith("XGBoost", StringComparison.Ordinal))));
        Assert.Single(Offenders(NativeCall, [("planted.cs", "[LibraryImport(\"x\")]")]));
    }

    [Fact]
    public void Ml_WebSqlHostAndDemo_AreUnknown()
    {
        Assert.Empty(Offenders(Foreign, MlSources()));
        Assert.Single(Offenders(Foreign, [("planted.cs", "using Dapper;")]));
        var project = File.ReadAllText(Path.Combine(Sidecar, "LeadScoring.Ml/LeadScoring.Ml.csproj"));
        Assert.DoesNotContain("ProjectReference", project, StringComparison.Ordinal);
    }

    /// <summary>The run over PostgreSQL leaves out commands and processes, but for those that say what they are about: else they would be run nowhere (test.sh).</summary>
    [Fact]
    public void PostgresFacts_OfCommandsAndProcesses_SayPostgresInTheirNames()
    {
        static bool IsLeftOut(MethodInfo method) =>
            method.DeclaringType!.Namespace!.Contains(".Cli", StringComparison.Ordinal) || method.GetCustomAttributesData().Concat(method.DeclaringType.GetCustomAttributesData()).Any(a => a.AttributeType == typeof(TraitAttribute) && a.ConstructorArguments[1].Value is "Server");
        MethodInfo[] processes = [.. typeof(ArchitectureTests).Assembly.GetTypes().SelectMany(t => t.GetMethods()).Where(m => m.IsDefined(typeof(PostgresFactAttribute), false) && IsLeftOut(m))];
        Assert.True(processes.Length >= 2, "The rule is asleep.");
        Assert.All(processes, m => Assert.Contains("Postgres", $"{m.DeclaringType!.FullName}.{m.Name}", StringComparison.Ordinal));
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
