using System.Globalization;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Cli;

[Trait("Category", "Slow")]
public sealed class EvaluateCommandTests(CommandRun run) : IClassFixture<CommandRun>
{
    private string Leads => run.File("leads.csv", CommandRun.LeadsCsv(600));

    private string Settings => run.File("quick.json", CommandRun.QuickSettings);

    private Task<(int Code, string Output, string Error)> EvaluateAsync(string file, params string[] more) =>
        CommandRun.RunAsync(["evaluate", "--data", file, "--settings", Settings, .. more]);

    [NativeXGBoostFact]
    public async Task Evaluate_LeadsWithTestRows_WritesMetricsAndPredictions()
    {
        int[] test = [.. Enumerable.Range(0, 120).Select(i => i * 5)];
        var (json, predictions) = (run.File("m.json"), run.File("p.csv"));
        var (code, output, error) = await EvaluateAsync(Leads, "--label", "CONVERTED", "--exclude", "noise", "--test-rows", run.File("rows.txt", string.Join("\r\n", test) + "\n\n"), "--json", json, "--predictions", predictions, "--seed", "7");
        Assert.True(code == 0, error);
        Assert.Contains("120 test rows", output);
        Assert.Contains("ROC AUC", output);
        var metrics = JsonElement.Parse(await File.ReadAllTextAsync(json));
        Assert.Equal((480, 120, 7), (metrics.Int("train_rows"), metrics.Int("test_rows"), metrics.GetProperty("settings").Int("seed")));
        Assert.Equal(["visits", "channel"], metrics.GetProperty("features").EnumerateArray().Select(f => f.Text("name")));
        var lines = await File.ReadAllLinesAsync(predictions);
        Assert.Equal("row,probability,score,grade,confidence", lines[0]);
        Assert.Equal(test, lines.Skip(1).Select(l => int.Parse(l.Split(',')[0], CultureInfo.InvariantCulture)));
        // The figures are those of the predictions that were written, computed here the plain way.
        var labels = (await File.ReadAllLinesAsync(Leads)).Skip(1).Select(l => l.EndsWith("yes", StringComparison.Ordinal)).ToArray();
        var scored = lines.Skip(1).Select(l => l.Split(',')).Select(c => (P: double.Parse(c[1], CultureInfo.InvariantCulture), Y: labels[int.Parse(c[0], CultureInfo.InvariantCulture)], Score: double.Parse(c[2], CultureInfo.InvariantCulture), Grade: c[3])).ToArray();
        var pairs = from a in scored where a.Y from b in scored where !b.Y select a.P > b.P ? 1 : a.P == b.P ? 0.5 : 0;
        var ensemble = metrics.GetProperty("test").GetProperty("ensemble");
        Assert.Equal(pairs.Average(), ensemble.GetProperty("roc_auc").GetDouble(), 6);
        Assert.Equal(-scored.Average(s => Math.Log(s.Y ? s.P : 1 - s.P)), ensemble.GetProperty("log_loss").GetDouble(), 6);
        Assert.All(scored, s => Assert.Equal(s.Score >= 85 ? "A" : s.Score >= 70 ? "B" : s.Score >= 50 ? "C" : "D", s.Grade));
        Assert.InRange(ensemble.GetProperty("roc_auc").GetDouble(), 0.75, 1);
    }

    [NativeXGBoostFact]
    public async Task Evaluate_SameSeed_IsTheSame()
    {
        var leads = Leads;
        foreach (var name in (string[])["a.csv", "b.csv"]) Assert.Equal(0, (await EvaluateAsync(leads, "--label", "converted", "--predictions", run.File(name))).Code);
        Assert.Equal(await File.ReadAllTextAsync(run.File("a.csv")), await File.ReadAllTextAsync(run.File("b.csv")));
        Assert.Equal(121, (await File.ReadAllLinesAsync(run.File("a.csv"))).Length);
    }

    [NativeXGBoostFact]
    public async Task Evaluate_TuningAuto_SaysWhatWasTaken()
    {
        var settings = run.File("tuned.json", CommandRun.QuickSettings[..^1] + ",\"tuning_trials\":2}");
        var (code, output, error) = await CommandRun.RunAsync(
            ["evaluate", "--data", Leads, "--label", "converted", "--settings", settings, "--tuning", "auto", "--tuning-budget", "00:05:00", "--json", run.File("tuned-report.json")]);
        Assert.True(code == 0, error);
        var report = JsonElement.Parse(await File.ReadAllTextAsync(run.File("tuned-report.json")));
        var tuning = report.GetProperty("tuning");
        Assert.Equal(("auto", "00:05:00"), (report.GetProperty("settings").Text("tuning"), report.GetProperty("settings").Text("tuning_budget")));
        Assert.Equal(tuning.Int("planned_trials"), tuning.Int("trials"));
        Assert.Contains(tuning.GetProperty("is_tuned").GetBoolean() ? "Tuning: the tuned members are taken" : "Tuning: the members as given are taken", output);
        Assert.Equal(
            Math.Min(tuning.GetProperty("spec_log_loss").GetDouble(), tuning.GetProperty("tuned_log_loss").GetDouble()),
            report.GetProperty("out_of_fold").GetProperty("ensemble").GetProperty("log_loss").GetDouble(), 9);
    }

    [NativeXGBoostFact]
    public async Task Evaluate_TuningBudgetIsNoTime_IsSaid()
    {
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--tuning-budget", "soon"), "--tuning-budget");
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--tuning", "auto", "--tuning-budget", "2.00:00:00"), "tuning_budget");
    }

    [NativeXGBoostFact]
    public async Task Evaluate_OwnProfilePositiveAndLeak_AreHeeded()
    {
        var profile = run.File("p.yml", "name: p\nfeatures:\n  - { name: visits, from: [attribute:visits] }\n  - { name: channel, kind: categorical, from: [attribute:channel] }\n");
        var (code, output, error) = await EvaluateAsync(Leads, "--label", "converted", "--positive", "no", "--profile", profile, "--exclude", "channel");
        Assert.True(code == 0, error);
        Assert.Contains("1 features", output);
        var leaking = string.Join('\n', CommandRun.LeadsCsv(300).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select((l, i) => i == 0 ? l + ",signed_on" : l + (l.EndsWith("yes", StringComparison.Ordinal) ? ",2026-01-01" : ",")));
        (code, output, error) = await EvaluateAsync(run.File("leak.csv", leaking), "--label", "converted");
        Assert.True(code == 0, error);
        Assert.Contains("left out: Whether 'signed_on'", output);
    }

    [NativeXGBoostFact]
    public async Task Evaluate_TimeColumn_ShowsBothTestsAndWhatIsWrong()
    {
        var lines = CommandRun.LeadsCsv(900).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var day = new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var random = new Random(3);
        var csv = string.Join('\n', lines.Select((l, i) => i == 0 ? l + ",seen,gender,deal_stage" : $"{l},{day.AddHours(12 * i):yyyy-MM-dd},{(random.Next(2) == 0 ? "f" : "m")},s{random.Next(3)}"));
        var (code, output, error) = await EvaluateAsync(run.File("timed.csv", csv), "--label", "converted", "--time-column", "seen", "--capacity", "7", "--json", run.File("timed.json"));
        Assert.True(code == 0, error);
        Assert.Matches(@"stratified +forward in time +difference", output);
        Assert.Matches(@"ROC AUC +0\.\d{4} \[0\.\d{4}, [01]\.\d{4}\] +0\.\d{4} \[", output);
        Assert.Contains("test period", output);
        Assert.Contains("Weekly stability", output);
        Assert.Contains("'deal_stage' looks like a stage", output);
        Assert.Contains("More data would help:", output);
        Assert.Matches(@"Fairness: (pass|warn|fail)", output);
        // 7 of 14 leads a week.
        Assert.Contains("the best 50.0 % of the leads", output);
        var report = JsonElement.Parse(await File.ReadAllTextAsync(run.File("timed.json")));
        // Two rows a day: the day at the border stays on one side.
        Assert.Equal(181, report.GetProperty("evaluation").GetProperty("forward").GetProperty("metrics").Int("rows"));
        Assert.DoesNotContain("seen", report.GetProperty("features").EnumerateArray().Select(f => f.Text("name")));
        (code, _, error) = await EvaluateAsync(Leads, "--label", "converted", "--time-column", "channel");
        Assert.Equal(1, code);
        Assert.Contains("neither a date nor a number", error);
    }

    [NativeXGBoostFact]
    public async Task Evaluate_TestRowsOfOneClass_HasUndefinedMetricsNotAFailure()
    {
        var rows = (await File.ReadAllLinesAsync(Leads)).Skip(1).Select((l, i) => (l, i)).Where(x => x.l.EndsWith("yes", StringComparison.Ordinal)).Take(30).Select(x => x.i);
        var (code, _, error) = await EvaluateAsync(Leads, "--label", "converted", "--test-rows", run.File("one.txt", string.Join('\n', rows)), "--json", run.File("one.json"));
        Assert.True(code == 0, error);
        Assert.Equal(30, JsonElement.Parse(await File.ReadAllTextAsync(run.File("one.json"))).Int("test_rows"));
    }

    [NativeXGBoostFact]
    public async Task Evaluate_RowWithoutLabelInTheTest_IsNamed()
    {
        foreach (var row in (int[])[0, 3])
        {
            var lines = CommandRun.LeadsCsv(100).Split('\n');
            lines[row + 1] = lines[row + 1][..(lines[row + 1].LastIndexOf(',') + 1)];
            CommandRun.AssertOneLine(await EvaluateAsync(run.File("nolabel.csv", string.Join('\n', lines)), "--label", "converted", "--test-rows", run.File("r.txt", "0\n3\n9\n")), $"row {row} has no label");
        }
    }

    [NativeXGBoostTheory]
    [InlineData("id,x,y\n1,2,no\n2,3,no\n", "label column \"y\"", "--label", "y")]
    [InlineData("id,x,y\n1,2,yes\n2,3,yes\n3,1,yes\n", "at least 10 converted", "--label", "y")]
    [InlineData("id,x,y\n1,2,yes\n2,3,no\n3,3,no\n", "at least 10 converted", "--label", "y")]
    [InlineData("id,x,y\n1,2,yes\n", "no column \"converted\"", "--label", "converted")]
    [InlineData("id,x,y\n1,2,yes\n", "no column \"zz\"", "--label", "y", "--exclude", "zz")]
    [InlineData("id,x,y\n1,2,yes\n2,3\n", "Line 3", "--label", "y")]
    [InlineData("id,x,y\n", "no rows", "--label", "y")]
    [InlineData("id,x,y\n1,2,maybe\n2,3,no\n", "--positive", "--label", "y")]
    [InlineData("id,x,y\n1,2,a\n2,3,b\n", "\"c\"", "--label", "y", "--positive", "c")]
    public async Task Evaluate_UnusableFile_SaysWhy(string csv, string part, params string[] more) =>
        CommandRun.AssertOneLine(await EvaluateAsync(run.File($"bad-{Guid.NewGuid():N}.csv", csv), more), part);

    [NativeXGBoostFact]
    public async Task Evaluate_ConstantColumnsOnly_SaysWhy()
    {
        var csv = "a,b,y\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"1,same,{(i % 2 == 0 ? "yes" : "no")}\n"));
        CommandRun.AssertOneLine(await EvaluateAsync(run.File("constant.csv", csv), "--label", "y"), "feature");
    }

    [NativeXGBoostTheory]
    [InlineData("5\nx\n", "line 2 is not a row number")]
    [InlineData("600\n", "from 0 to 599")]
    [InlineData("-1\n", "line 1")]
    [InlineData("5\n5\n", "row 5 stands twice")]
    [InlineData("\n", "lists no rows")]
    public async Task Evaluate_BadRowList_SaysWhere(string rows, string part) =>
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--test-rows", run.File($"rows-{Guid.NewGuid():N}.txt", rows)), part);

    [NativeXGBoostFact]
    public async Task Evaluate_EveryRowIsATestRow_SaysWhatIsMissing() =>
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--test-rows", run.File("all.txt", string.Join('\n', Enumerable.Range(0, 600)))), "0 rows");

    [Fact]
    public async Task Evaluate_FilesThatCannotBeUsed_AreNamed()
    {
        CommandRun.AssertOneLine(await EvaluateAsync("/nowhere/leads.csv", "--label", "y"), "/nowhere/leads.csv");
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--profile", "/nowhere/p.yml"), "--profile");
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--profile", run.File("bad.yml", "features: 5")), "feature");
        CommandRun.AssertOneLine(await EvaluateAsync(Leads, "--label", "converted", "--test-rows", "/nowhere/r.txt"), "--test-rows");
        CommandRun.AssertOneLine(await CommandRun.RunAsync("evaluate", "--data", Leads, "--label", "converted", "--settings", "/nowhere/s.json"), "--settings");
        foreach (var text in (string[])["{\"foldz\":3}", "{", "[]", "{\"folds\":1}", "{\"network\":{\"hidden_layers\":[]}}"])
        {
            var failed = await CommandRun.RunAsync("evaluate", "--data", Leads, "--label", "converted", "--settings", run.File("s.json", text));
            CommandRun.AssertOneLine(failed, "");
            Assert.DoesNotContain("LeadScoring.Ml", failed.Error);
        }
    }
}
