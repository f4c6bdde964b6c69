using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Tests.Cli;

public sealed class CommandLineTests : IDisposable
{
    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await CommandLine.RunAsync([.. args, "--data", data], Terminal.Plain(output, error), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public async Task Keys_CreateListRevoke_Works()
    {
        var (code, output, _) = await RunAsync("keys", "create", "--organization", "acme", "--scopes", "score,write");
        Assert.Equal(0, code);
        Assert.True(ApiKey.TryParse(output.Trim(), out var key));
        var (_, list, _) = await RunAsync("keys", "list", "-o", "acme");
        Assert.Contains(key.KeyId, list);
        Assert.Contains("write", list);
        Assert.Equal(0, (await RunAsync("keys", "revoke", key.KeyId, "-o", "acme")).Code);
        Assert.Equal(1, (await RunAsync("keys", "revoke", key.KeyId, "-o", "acme")).Code);
    }

    [Fact]
    public async Task Import_FileWithFaults_ReportsThem()
    {
        Directory.CreateDirectory(data);
        var file = Path.Combine(data, "leads.csv");
        await File.WriteAllTextAsync(file, "id,x\n1,1\n2\n");
        var (dryCode, dry, _) = await RunAsync("import", file, "--kind", "leads", "--dry-run");
        var (code, output, _) = await RunAsync("import", file, "--kind", "leads");
        var (strictCode, _, _) = await RunAsync("import", file, "--kind", "leads", "--strict");
        Assert.Equal((0, 0, 1), (dryCode, code, strictCode));
        Assert.Contains("becomes", dry);
        Assert.Contains("2 rows (utf-8, delimiter ,): 1 created", output);
        Assert.Contains("line 3: The row has 1 cells", output);
    }

    [Fact]
    public async Task Run_Failure_IsOneLineAndCode1()
    {
        var (code, _, error) = await RunAsync("import", "/nowhere/x.csv", "--kind", "leads");
        Assert.Equal(1, code);
        Assert.Equal("error: There is no file /nowhere/x.csv.", error.TrimEnd());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("import", "x.csv", "--kind", "nonsense")]
    [InlineData("import", "x.csv")]
    [InlineData("keys", "create")]
    [InlineData("keys", "create", "-o", "a", "--scopes", "boss")]
    public async Task Run_WrongUsage_IsCode2(params string[] args) => Assert.Equal(2, (await RunAsync(args)).Code);

    [Theory]
    [InlineData("serve")]
    [InlineData("import")]
    [InlineData("keys", "create")]
    [InlineData("keys", "list")]
    [InlineData("keys", "revoke")]
    public async Task Help_EveryOption_IsDescribed(params string[] command)
    {
        var (code, output, _) = await RunAsync([.. command, "--help"]);
        Assert.Equal(0, code);
        foreach (var line in output.Split('\n').Where(l => l.TrimStart().StartsWith("--", StringComparison.Ordinal)))
            Assert.True(line.Trim().Split("  ", 2, StringSplitOptions.RemoveEmptyEntries).Length == 2, line);
    }

    public void Dispose()
    {
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
    }
}
