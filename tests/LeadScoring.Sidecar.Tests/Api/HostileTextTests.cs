using System.Collections.Concurrent;
using System.Net;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Tests.Cli;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>Text of strangers that means something elsewhere: in a spreadsheet, in a log, in a pattern.</summary>
public sealed class HostileTextTests
{
    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+49 171 1", "'+49 171 1")]
    [InlineData("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("\t=1", "'\t=1")]
    [InlineData("\r=1", "'\r=1")]
    [InlineData("  =1+1", "'  =1+1")]
    [InlineData("-", "'-")]
    [InlineData("-1-1", "'-1-1")]
    [InlineData("+1e5e", "'+1e5e")]
    [InlineData("-5", "-5")]
    [InlineData("+1.5e-3", "+1.5e-3")]
    [InlineData("-1,200.50", "-1,200.50")]
    [InlineData("a=b", "a=b")]
    [InlineData("", "")]
    public void Harmless_Text_IsNoFormula(string text, string expected) => Assert.Equal(expected, SpreadsheetCell.Harmless(text));

    [NativeXGBoostFact]
    public async Task Score_CsvWithFormulas_WritesNone()
    {
        using var run = new CommandRun();
        var bundle = run.File("m.zip");
        await File.WriteAllBytesAsync(bundle, await SmallModel.BundleAsync());
        var leads = run.File("leads.csv", "id,=HYPERLINK(1),note,delta\n=1+1,a,\"@SUM(1)\n=2\",-5\n+49 1,\"-1+1\",\"\t=3\",1\n");
        var (code, output, error) = await run.WithDataAsync("score", leads, "--model", bundle, "--out", run.File("scored.csv"));
        Assert.True(code == 0, output + error);
        using var table = new CsvHelper.CsvParser(new StreamReader(run.File("scored.csv")), System.Globalization.CultureInfo.InvariantCulture);
        var rows = 0;
        while (table.Read())
        {
            rows++;
            foreach (var cell in table.Record!) Assert.False(cell.Length > 0 && "=+@\t\r".Contains(cell[0], StringComparison.Ordinal), cell);
        }

        Assert.Equal(3, rows);
        Assert.Contains(",-5,", await File.ReadAllTextAsync(run.File("scored.csv")));
    }

    /// <summary>Half a surrogate pair as a name passes JSON's grammar and fails when it is read, wherever that is.</summary>
    [Theory]
    [InlineData("POST", "/v1/events", """{"event_id":"e","\ud800":"x"}""")]
    [InlineData("POST", "/v1/events", """{"\ud800":[{"event_id":"e"}]}""")]
    [InlineData("POST", "/v1/score", """{"lead_id":"l","events":[{"event_id":"e","\ud83d":1}]}""")]
    [InlineData("POST", "/v1/outcomes", """{"outcomes":[{"lead_id":"l","\udc00":true}]}""")]
    [InlineData("PUT", "/v1/leads/l/override", """{"grade":"A","\ud800":"x"}""")]
    [InlineData("POST", "/v1/training-runs", """{"promote":"never","settings":"x\ud83d"}""")]
    [InlineData("POST", "/v1/training-runs", "{\"\u00ff\":\"never\"}")]
    public async Task Json_NamesThatAreNoUnicode_Are400(string method, string path, string body)
    {
        var sidecar = new SidecarFactory();
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            // Latin-1, so that one of them is no UTF-8.
            using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body)) { Headers = { ContentType = new("application/json") } };
            var (status, problem) = await organization.SendAsync(new HttpMethod(method), path, content);
            Assert.True(status == HttpStatusCode.BadRequest, $"{status} {problem}");
            Assert.NotEmpty(problem.GetProperty("errors").EnumerateArray());

            using var lines = new StringContent("{\"event_id\":\"e\",\"\\ud800\":1}\n{\"event_id\":\"good\",\"lead_id\":\"l\",\"type\":\"page_view\",\"source\":\"website\",\"occurred_at\":1760000000000}\n", Encoding.UTF8, "application/x-ndjson");
            using var answer = await organization.Client.PostAsync(new Uri("/v1/events", UriKind.Relative), lines);
            var told = (await answer.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Contains("Unicode", told[0]);
            Assert.Contains("\"accepted\":1", told[^1]);
            Assert.Contains("\"rejected\":1", told[^1]);
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    /// <summary>Whatever a caller says of himself, the log has no line of his making.</summary>
    [Fact]
    public async Task Log_ControlCharactersOfCallers_MakeNoLines()
    {
        const string Forged = "x\r\nfail: Forged[0]\n      forged line\u001b[31m";
        var log = new ConcurrentQueue<string>();
        var sidecar = new SidecarFactory { Configure = services => services.AddLogging(l => l.AddProvider(new Lines(log)).SetMinimumLevel(LogLevel.Information)) };
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var escaped = Uri.EscapeDataString(Forged);
            await organization.PostAsync("/v1/events", new[] { new { event_id = Forged, lead_id = Forged, type = Forged, source = Forged, occurred_at = Forged } });
            await organization.PostAsync("/v1/score", new { lead_id = Forged, lead = new Dictionary<string, object> { [Forged] = Forged } });
            foreach (var path in (string[])[$"/v1/leads/{escaped}", $"/v1/connectors/{escaped}/sync", $"/v1/jobs/{escaped}/run", $"/v1/leads?order={escaped}", $"/v1/webhooks/{escaped}/deliveries?status={escaped}", $"/{escaped}", $"/v1/inbound/{escaped}"])
            {
                var (status, _) = await organization.GetAsync(path);
                Assert.True((int)status is >= 400 and < 500, $"{path}: {status}");
                await organization.SendAsync(HttpMethod.Post, path, "{}");
            }

            await organization.ImportAsync("leads", $"id,\"{Forged}\"\nl1,\"{Forged}\"\n");
            await organization.SendAsync(HttpMethod.Put, "/v1/profile", $"name: \"{Forged.ReplaceLineEndings(" ")}\"\nfeatures: 5", "application/yaml");
            Assert.Equal(HttpStatusCode.BadRequest, (await organization.SendBundleAsync(Encoding.UTF8.GetBytes(Forged))).Status);
        }
        finally
        {
            await sidecar.DisposeAsync();
        }

        Assert.DoesNotContain(log, line => line.Contains("forged", StringComparison.OrdinalIgnoreCase) || line.Contains('\u001b'));
    }

    /// <summary>A pattern that goes back over what it read can take forever on text made for it; every one here has a time limit, or never goes back.</summary>
    [Fact]
    public void Patterns_All_AreBounded()
    {
        var patterns =
            from assembly in (Assembly[])[typeof(SidecarApp).Assembly, typeof(ModelBundle).Assembly, typeof(Connectors.ConnectorException).Assembly]
            from type in assembly.GetTypes()
            // Properties are their getters here.
            from method in type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly)
            where method.ReturnType == typeof(Regex) && method.GetParameters().Length == 0
            select (Name: $"{type.FullName}.{method.Name}", Regex: (Regex)method.Invoke(null, null)!);
        var all = patterns.ToArray();
        Assert.True(all.Length >= 5, $"Only {all.Length} patterns found.");
        Assert.All(all, p => Assert.True(p.Regex.MatchTimeout != Regex.InfiniteMatchTimeout || p.Regex.Options.HasFlag(RegexOptions.NonBacktracking), p.Name));
    }

    private sealed class Lines(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
