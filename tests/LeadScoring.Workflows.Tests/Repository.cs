namespace LeadScoring.Workflows.Tests;

/// <summary>Where the files under test are.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Workflows => Path.Combine(Root, "workflows");

    public static string N8nUp => Path.Combine(Root, "tests", "LeadScoring.Workflows.Tests", "n8n", "n8n-up.sh");

    public static string N8nNode => Path.Combine(Root, "tests", "n8n-node.sh");

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "LeadScoring.N8n.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"No LeadScoring.N8n.sln above {AppContext.BaseDirectory}.");
    }
}
