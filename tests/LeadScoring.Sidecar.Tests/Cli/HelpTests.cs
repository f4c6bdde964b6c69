using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>Walks all commands from the root by their own help, those that are added later included.</summary>
public sealed partial class HelpTests
{
    [GeneratedRegex(@"^  (?<name>\S.*?)(?:  +(?<text>\S.*))?$")]
    private static partial Regex Entry { get; }

    private static async Task<(List<string[]> Commands, List<string> Undescribed)> WalkAsync()
    {
        var (commands, undescribed) = (new List<string[]>(), new List<string>());
        var open = new Queue<string[]>([[]]);
        while (open.TryDequeue(out var command))
        {
            var (code, output, error) = await CommandRun.RunAsync([.. command, "--help"]);
            Assert.True(code == 0, $"{string.Join(' ', command)} --help: {error}");
            commands.Add(command);
            var section = "";
            foreach (var line in output.Split('\n').Select(l => l.TrimEnd()))
            {
                if (line.EndsWith(':') && !line.StartsWith(' ')) section = line.TrimEnd(':');
                else if (section is "Options" or "Arguments" or "Commands" && Entry.Match(line) is { Success: true } entry)
                {
                    if (!entry.Groups["text"].Success) undescribed.Add($"{string.Join(' ', command)} {line.Trim()}");
                    if (section == "Commands") open.Enqueue([.. command, entry.Groups["name"].Value.Split(' ')[0]]);
                }
                else if (section == "Description" && line.Length > 0) section = "Description done";
                else if (section == "Description" && line.Length == 0) undescribed.Add(string.Join(' ', command));
            }
        }

        return (commands, undescribed);
    }

    [Fact]
    public async Task Help_EveryCommandOptionAndArgument_IsDescribed()
    {
        var (commands, undescribed) = await WalkAsync();
        Assert.Empty(undescribed);
        Assert.Superset(
            new HashSet<string> { "", "serve", "demo", "import", "profile", "profile infer", "train", "evaluate", "score", "keys", "keys create", "keys list", "keys revoke" },
            commands.Select(c => string.Join(' ', c)).ToHashSet());
        // What the server starts for itself is nobody's command.
        Assert.DoesNotContain("train-run", commands.Select(c => string.Join(' ', c)));
    }

    [Theory]
    [InlineData]
    [InlineData("evaluate")]
    [InlineData("evaluate", "--data", "x.csv")]
    [InlineData("score", "x.csv")]
    [InlineData("profile", "infer")]
    [InlineData("profile")]
    [InlineData("train", "--no-such-option")]
    [InlineData("demo", "--leads", "many")]
    public async Task Run_WrongUsage_IsCode2WithAWord(params string[] args)
    {
        var (code, output, error) = await CommandRun.RunAsync(args);
        Assert.Equal(2, code);
        Assert.NotEqual("", (output + error).Trim());
        Assert.DoesNotContain("   at ", error);
    }
}
