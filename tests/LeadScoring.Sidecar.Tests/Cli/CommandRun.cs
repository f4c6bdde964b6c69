using LeadScoring.Sidecar.Cli;
using Microsoft.AspNetCore.Builder;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>Runs commands in this process, in a folder of their own.</summary>
public sealed class CommandRun : IDisposable
{
    internal string Folder { get; } = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"))).FullName;

    /// <summary>A file in the folder; written when content is given.</summary>
    internal string File(string name, string? content = null)
    {
        var path = Path.Combine(Folder, name);
        if (content is not null) System.IO.File.WriteAllText(path, content);
        return path;
    }

    internal static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await CommandLine.RunAsync(args, Terminal.Plain(output, error), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>With a database in the folder.</summary>
    internal Task<(int Code, string Output, string Error)> WithDataAsync(params string[] args) => RunAsync([.. args, "--data", Path.Combine(Folder, "data")]);

    /// <summary>The services over the same database.</summary>
    internal async Task<WebApplication> ServicesAsync()
    {
        var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", Path.Combine(Folder, "data"))]).Build();
        await app.PrepareAsync(CancellationToken.None);
        return app;
    }

    /// <summary>Fails as commands do: code 1, one line, no stack trace.</summary>
    internal static void AssertOneLine((int Code, string Output, string Error) run, string part)
    {
        Assert.True(run.Code == 1, $"code {run.Code}: {run.Output}{run.Error}");
        var line = run.Error.TrimEnd();
        Assert.StartsWith("error: ", line);
        Assert.DoesNotContain('\n', line);
        Assert.DoesNotContain("   at ", line);
        Assert.DoesNotContain("Unexpected failure", line);
        Assert.Contains(part, line, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Leads with a learnable outcome: visits and channel decide, one column is noise, some cells are empty.</summary>
    internal static string LeadsCsv(int rows, int seed = 1)
    {
        var random = new Random(seed);
        var csv = new System.Text.StringBuilder("id,visits,channel,noise,constant,converted\n");
        for (var r = 0; r < rows; r++)
        {
            var (visits, channel) = (random.Next(20), random.Next(3));
            var p = 1 / (1 + Math.Exp(3 - (0.3 * visits) - channel));
            csv.Append(System.Globalization.CultureInfo.InvariantCulture, $"lead-{r},{(random.Next(20) == 0 ? "" : visits)},{"web,ads,friend".Split(',')[channel]},{random.NextDouble():0.000},same,{(random.NextDouble() < p ? "yes" : "no")}\n");
        }

        return csv.ToString();
    }

    internal const string QuickSettings = """{"gradient_boosting":{"rounds":15,"max_depth":3},"random_forest":{"rounds":1,"parallel_trees":15,"max_depth":5},"network":{"max_epochs":5,"hidden_layers":[8]},"folds":3}""";

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
