using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Cli;

public sealed class ProfileAndScoreCommandTests(CommandRun run) : IClassFixture<CommandRun>
{
    private const string Leads = "name,showing_requests,call_count\nAda,1,1\n\"Bo, jr.\",0,\nCy,three,2\n";

    private static string[] Cells(string line) => line.Split(',');

    [Fact]
    public async Task Infer_WithOut_WritesAProfileThatEvaluateTakes()
    {
        var (leads, profile) = (run.File("leads.csv", CommandRun.LeadsCsv(200)), run.File("p.yml"));
        var (code, output, error) = await CommandRun.RunAsync("profile", "infer", leads, "--label", "converted", "--exclude", "noise", "--name", "mine", "--out", profile);
        Assert.True(code == 0, error);
        Assert.Contains($"Written to {profile}", output);
        Assert.Contains("constant", output);
        var parsed = FeatureProfile.Parse(await File.ReadAllTextAsync(profile));
        Assert.Equal("mine", parsed.Name);
        Assert.Equal([("visits", FeatureKind.Numeric), ("channel", FeatureKind.Categorical)], parsed.Features.Select(f => (f.Name, f.Kind)));
    }

    [Fact]
    public async Task Infer_WithoutOut_PrintsTheProfileAndNothingElse()
    {
        var (code, output, error) = await CommandRun.RunAsync("profile", "infer", run.File("plain.csv", CommandRun.LeadsCsv(200)));
        Assert.True(code == 0, error);
        var parsed = FeatureProfile.Parse(output);
        Assert.Equal("plain", parsed.Name);
        // Nobody said that it is the label.
        Assert.Contains("converted", parsed.Features.Select(f => f.Name));
    }

    [Fact]
    public async Task Infer_LeakingColumn_IsMarked()
    {
        var csv = "x,signed,y\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i * 37 % 101},{(i % 3 == 0 ? "2026-01-01" : "")},{(i % 3 == 0 ? "won" : "lost")}\n"));
        var (code, output, error) = await CommandRun.RunAsync("profile", "infer", run.File("leak.csv", csv), "--label", "y");
        Assert.True(code == 0, error);
        Assert.Contains("# LEAK, training leaves it out: Whether 'signed'", output);
        FeatureProfile.Parse(output);
    }

    [Fact]
    public async Task Infer_FaultyInput_SaysWhy()
    {
        CommandRun.AssertOneLine(await CommandRun.RunAsync("profile", "infer", "/nowhere/x.csv"), "/nowhere/x.csv");
        CommandRun.AssertOneLine(await CommandRun.RunAsync("profile", "infer", run.File("c.csv", "a,b\n1,2\n"), "--label", "zz"), "zz");
        CommandRun.AssertOneLine(await CommandRun.RunAsync("profile", "infer", run.File("d.csv", CommandRun.LeadsCsv(50)), "--out", "/nowhere/p.yml"), "/nowhere");
    }

    [Fact]
    public async Task Score_WithoutModel_IsByRulesWithAllColumnsKept()
    {
        var scored = run.File("scored.csv");
        var (code, output, error) = await run.WithDataAsync("score", run.File("s.csv", Leads), "--out", scored, "-o", "default");
        Assert.True(code == 0, error);
        Assert.Contains("3 leads scored by rules (no model yet)", output);
        var lines = await File.ReadAllLinesAsync(scored);
        Assert.Equal("name,showing_requests,call_count,score,grade,conversion_probability,confidence,needs_review,scored_by,next_best_action,top_reasons", lines[0]);
        Assert.StartsWith("Ada,1,1,45.0,D,0.45,0.5,true,rules,", lines[1]);
        Assert.StartsWith("\"Bo, jr.\",0,,10.0,D,0.1,0.5,true,rules,", lines[2]);
        Assert.StartsWith("Cy,three,2,20.0,", lines[3]);
        Assert.False(File.Exists(scored + ".partial"));
    }

    [NativeXGBoostFact]
    public async Task Score_WithModelFile_IsByTheEnsemble()
    {
        var (scored, zip) = (run.File("m.csv"), run.File("model.zip"));
        await File.WriteAllBytesAsync(zip, await SmallModel.BundleAsync());
        var (code, output, error) = await run.WithDataAsync("score", run.File("s2.csv", Leads), "--out", scored, "--model", zip);
        Assert.True(code == 0, error);
        Assert.Contains("the given model", output);
        var lines = (await File.ReadAllLinesAsync(scored)).Skip(1).ToArray();
        Assert.All(lines, l => Assert.Contains(",ensemble,", l));
        Assert.All(lines.Where(l => l[0] != '"'), l => Assert.InRange(double.Parse(Cells(l)[3], CultureInfo.InvariantCulture), 0.1, 99.9));
    }

    [Fact]
    public async Task Score_FaultyInput_SaysWhyAndLeavesNothing()
    {
        var scored = run.File("none.csv");
        CommandRun.AssertOneLine(await run.WithDataAsync("score", "/nowhere/x.csv", "--out", scored), "/nowhere/x.csv");
        CommandRun.AssertOneLine(await run.WithDataAsync("score", run.File("s3.csv", Leads), "--out", scored, "--model", "/nowhere/m.zip"), "--model");
        CommandRun.AssertOneLine(await run.WithDataAsync("score", run.File("s4.csv", Leads), "--out", scored, "--model", run.File("bad.zip", "no zip")), "bundle");
        CommandRun.AssertOneLine(await run.WithDataAsync("score", run.File("s5.csv", Leads + "too,few\n"), "--out", scored), "Line 5");
        CommandRun.AssertOneLine(await run.WithDataAsync("score", run.File("s6.csv", Leads), "--out", "/nowhere/out.csv"), "/nowhere");
        Assert.False(File.Exists(scored) || File.Exists(scored + ".partial"));
    }

    [NativeXGBoostFact]
    public async Task Train_StoredOutcomes_GivesTheChampionThatScores()
    {
        var created = await run.WithDataAsync("keys", "create", "-o", "acme");
        Assert.Equal(0, created.Code);
        var random = new Random(4);
        var leads = "lead_id,showing_requests,call_count\n" + string.Concat(Enumerable.Range(0, 200).Select(i => $"l{i},{i % 4},{random.Next(3)}\n"));
        var outcomes = "lead_id,converted,occurred_at\n" + string.Concat(Enumerable.Range(0, 200).Select(i => $"l{i},{(random.Next(5) < i % 4 ? 1 : 0)},2026-03-01\n"));
        Assert.Equal(0, (await run.WithDataAsync("import", run.File("l.csv", leads), "--kind", "leads", "-o", "acme")).Code);
        Assert.Equal(0, (await run.WithDataAsync("import", run.File("o.csv", outcomes), "--kind", "outcomes", "-o", "acme")).Code);
        var (code, output, error) = await run.WithDataAsync("train", "-o", "acme", "--settings", run.File("q.json", CommandRun.QuickSettings), "--promote", "always");
        Assert.True(code == 0, error);
        Assert.Contains("Model 1 is the champion: first model, and promotion was asked for in any case.", output);
        Assert.Contains("ROC AUC", output);
        var scored = await run.WithDataAsync("score", run.File("s7.csv", Leads), "--out", run.File("by1.csv"), "-o", "acme");
        Assert.Contains("scored by model 1", scored.Output);
    }

    [NativeXGBoostFact]
    public async Task Train_NothingToLearnFrom_SaysWhy()
    {
        await run.WithDataAsync("keys", "create", "-o", "empty");
        CommandRun.AssertOneLine(await run.WithDataAsync("train", "-o", "empty"), "at least 10 converted");
        CommandRun.AssertOneLine(await run.WithDataAsync("train", "-o", "nobody-knows-it"), "no organization");
        CommandRun.AssertOneLine(await run.WithDataAsync("train", "-o", "empty", "--settings", run.File("f.json", "{\"foldz\":1}")), "/foldz");
        Assert.Equal(2, (await run.WithDataAsync("train", "--promote", "sometimes")).Code);
    }

    [Theory]
    [InlineData(1, "the profile of the only one")]
    [InlineData(2, "the shipped one")]
    public async Task Score_OrganizationNotNamed_IsTheOnlyOneThereIs(int organizations, string expected)
    {
        using var own = new CommandRun();
        for (var i = 1; i <= organizations; i++) await own.WithDataAsync("keys", "create", "-o", $"org-{i}");
        await using (var app = await own.ServicesAsync())
        {
            await app.Services.GetRequiredService<ProfileStore>().PutAsync("org-1", FeatureProfile.Parse("name: own\nstart_points: 77\nfeatures: [{ name: x }]"), CancellationToken.None);
        }

        var scored = own.File("scored.csv");
        var (code, _, error) = await own.WithDataAsync("score", own.File("leads.csv", Leads), "--out", scored);
        Assert.True(code == 0, error);
        Assert.Equal(expected, (await File.ReadAllTextAsync(scored)).Contains(",77.0,") ? "the profile of the only one" : "the shipped one");
    }
}
