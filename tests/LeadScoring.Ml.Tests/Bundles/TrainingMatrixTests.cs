using System.Globalization;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Tests.Training;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Bundles;

/// <summary>Export of the encoded rows, and import of members that Python's xgboost trained on them (tests/fixtures/external).</summary>
[Trait("Category", "Slow")]
public sealed class TrainingMatrixTests
{
    private static readonly TrainingSet Set = SmallWorld.Leads(2_400, 61);

    private static readonly string[] Ids = [.. Enumerable.Range(0, Set.Rows).Select(r => $"lead-{r}")];

    private static readonly Lazy<Dictionary<string, byte[]>> Exported = new(() => Export(Set));

    private static readonly Lazy<TrainingResult> Assembled = new(() => Members().Assemble(Set, Ids, SmallWorld.Quick, null, default));

    private static Dictionary<string, byte[]> Export(TrainingSet set)
    {
        using var zip = new MemoryStream();
        TrainingMatrix.Write(zip, set, Ids, SmallWorld.Quick, default);
        using var archive = new ZipArchive(zip, ZipArchiveMode.Read);
        return archive.Entries.ToDictionary(e => e.FullName, e =>
        {
            using var stream = e.Open();
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            return bytes.ToArray();
        });
    }

    private static byte[] Fixture(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "fixtures", "external", name));

    private static byte[] Zip(params (string Name, byte[]? Bytes)[] entries)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in entries.Where(e => e.Bytes is not null))
            {
                using var stream = archive.CreateEntry(name).Open();
                stream.Write(bytes);
            }
        }

        return buffer.ToArray();
    }

    private static byte[] Back(byte[]? boosting, byte[]? forest, byte[]? export = null, byte[]? profile = null) => Zip(
        ("export.json", export ?? Exported.Value["export.json"]), ("profile.yml", profile ?? Exported.Value["profile.yml"]), ("gradient_boosting.json", boosting), ("random_forest.json", forest));

    private static ExternalMembers Members(bool withForest = true) =>
        TrainingMatrix.Read(Back(Fixture("gradient_boosting.json"), withForest ? Fixture("random_forest.json") : null), Set.Profile);

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [Fact]
    public void Write_SameRows_GivesTheMatrixThatPythonTrainedOn()
    {
        if (Environment.GetEnvironmentVariable("UPDATE_EXTERNAL_FIXTURE") is not null)
            File.WriteAllBytes(Path.Combine(SourceFolder(), "../../fixtures/external/matrix.csv"), Exported.Value["matrix.csv"]);
        Assert.Equal(Encoding.UTF8.GetString(Fixture("matrix.csv")), Encoding.UTF8.GetString(Exported.Value["matrix.csv"]));
    }

    [Fact]
    public void Write_HeldBackLeads_AreNotInIt()
    {
        var (train, calibrate, test) = ExternalMembers.Split(Ids);
        var lines = Encoding.UTF8.GetString(Exported.Value["matrix.csv"]).TrimEnd('\n').Split('\n');
        Assert.Equal(Enumerable.Range(0, Set.Rows), train.Concat(calibrate).Concat(test).Order());
        Assert.Equal(train.Select(r => $"{Ids[r]},{Set.AsOfMs![r]},{Set.Labels[r]}"), lines.Skip(1).Select(l => string.Join(',', l.Split(',')[..3])));
        Assert.InRange(calibrate.Length / (double)Set.Rows, 0.08, 0.12);
        Assert.InRange(test.Length / (double)Set.Rows, 0.08, 0.12);
        // The same lead stays on its side when others come in.
        Assert.Equal(test, ExternalMembers.Split([.. Ids, "another"]).Test.Where(r => r < Set.Rows));
    }

    [NativeXGBoostFact]
    public void Assemble_PythonsMembers_GivesTheirMarginsBitForBit()
    {
        var lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "fixtures", "external", "margins.csv"));
        var rows = Encoding.UTF8.GetString(Fixture("matrix.csv")).TrimEnd('\n').Split('\n')[1..];
        var (model, at) = (Assembled.Value.Model, 0);
        foreach (var (line, row) in lines.Zip(rows))
        {
            var tree = row.Split(',')[3..].Select(v => v.Length == 0 ? float.NaN : float.Parse(v, CultureInfo.InvariantCulture)).ToArray();
            var expected = line.Split(',').Select(v => float.Parse(v, CultureInfo.InvariantCulture)).ToArray();
            Assert.True(expected[0] == model.GradientBoosting.Margin(tree) && expected[1] == model.RandomForest.Margin(tree), $"row {at}");
            at++;
        }

        Assert.Equal(rows.Length, at);
    }

    [NativeXGBoostFact]
    public void Assemble_IsAsGoodAsATrainingHere_OnLeadsThatWereHeldBack()
    {
        var result = Assembled.Value;
        var (train, calibrate, test) = ExternalMembers.Split(Ids);
        Assert.Equal([train, calibrate, test], [result.TrainRows, result.CalibrationRows, result.TestRows]);
        var here = EnsembleTrainer.Train(Set, train, test, SmallWorld.Quick, null, default);
        Assert.InRange(result.Test!.Ensemble.RocAuc, here.Test!.Ensemble.RocAuc - 0.03, 1);
        // Calibrated by leads that the members have not seen: the mean probability is near the base rate of the test.
        Assert.Equal(test.Average(r => (double)Set.Labels[r]), result.TestScores.Average(s => s.Probability), 0.06);
    }

    [NativeXGBoostFact]
    public void Assemble_LabelsOfExportedLeadsChanged_DoesNotMoveCalibration()
    {
        var (train, _, _) = ExternalMembers.Split(Ids);
        var labels = (float[])Set.Labels.Clone();
        foreach (var r in train.Take(300)) labels[r] = 1 - labels[r];
        // All weight on the member that came from outside, so that those trained here say nothing.
        var settings = SmallWorld.Quick with { Weights = new() { GradientBoosting = 1, RandomForest = 0, Network = 0, Regression = 0 } };
        double[] Scores(TrainingSet set) => [.. Members().Assemble(set, Ids, settings, null, default).TestScores.Select(s => s.Probability)];
        Assert.Equal(Scores(Set), Scores(new TrainingSet(Set.Profile, Set.Values, labels, Set.AsOfMs)));
    }

    [NativeXGBoostFact]
    public void Assemble_WithoutForest_TrainsItHere_AndTheBundleSaysWhatCameFromElsewhere()
    {
        var judged = TrainingJudge.Run(Set, Ids, Members(withForest: false), SmallWorld.Quick, new EvaluationSettings(), RowFacts.None, null, default);
        var bundle = ModelBundle.Read(ModelBundle.Write(Set, judged.Result, SmallWorld.Quick, 1, judged));
        Assert.Equal(["gradient_boosting"], bundle.Manifest.TrainedElsewhere);
        Assert.Equal(["gradient_boosting", "random_forest"], Assembled.Value.TrainedElsewhere);
        Assert.Contains("elsewhere", bundle.Manifest.Evaluation!.WhyNoForward);
        Assert.Equal(judged.Result.TestRows.Length, bundle.Manifest.TestRows);
        Assert.NotEqual(Assembled.Value.RandomForestJson, judged.Result.RandomForestJson);
        Assert.Equal(Assembled.Value.Model.GradientBoosting.BaseMargin, bundle.Model.GradientBoosting.BaseMargin);
        Assert.Equal(judged.Result.TestScores[0], bundle.Model.Score(Set.WithFeatures(bundle.Model.Profile).Row(judged.Result.TestRows[0])));
    }

    [Theory]
    [InlineData("f0\"", "\"x\"", "named x and should be f0")]
    [InlineData("binary:logistic", "multi:softprob", "gradient_boosting.json: ")]
    public void Check_MemberOfOtherColumnsOrKind_SaysWhatToDo(string from, string to, string message)
    {
        var json = Encoding.UTF8.GetString(Fixture("gradient_boosting.json")).Replace(from == "f0\"" ? "\"f0\"" : from, to);
        var e = Assert.Throws<TrainingException>(() => TrainingMatrix.Read(Back(Encoding.UTF8.GetBytes(json), null), Set.Profile).Check());
        Assert.Contains(message, e.Message);
    }

    [Fact]
    public void Check_MemberOfFewerColumns_SaysHowMany()
    {
        var gbm = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "fixtures", "xgboost", "gbm.json"));
        var e = Assert.Throws<TrainingException>(() => TrainingMatrix.Read(Back(gbm, null), Set.Profile).Check());
        Assert.Contains("has 12 columns, the exported matrix has ", e.Message);
        var broken = Assert.Throws<TrainingException>(() => TrainingMatrix.Read(Back("{"u8.ToArray(), null), Set.Profile).Check());
        Assert.StartsWith("gradient_boosting.json: ", broken.Message);
    }

    [Fact]
    public void Read_IncompleteOrForeign_SaysWhatToDo()
    {
        string Message(byte[] zip, FeatureProfile? profile = null) => Assert.Throws<BundleException>(() => TrainingMatrix.Read(zip, profile ?? Set.Profile)).Message;
        Assert.Contains("gradient_boosting.json is missing", Message(Back(null, null)));
        Assert.Contains("cannot be used", Message("no zip"u8.ToArray()));
        Assert.Contains("have changed since", Message(Back(Fixture("gradient_boosting.json"), null), FeatureProfile.Parse(SmallWorld.Yaml + "\n  - name: more\n")));
        Assert.Contains("Send both as they came", Message(Back(Fixture("gradient_boosting.json"), null, profile: Encoding.UTF8.GetBytes(SmallWorld.Yaml + "\n  - name: more\n"))));
        var json = Encoding.UTF8.GetString(Exported.Value["export.json"]);
        Assert.Contains("has format 9", Message(Back(Fixture("gradient_boosting.json"), null, Encoding.UTF8.GetBytes(json.Replace("\"format\":1", "\"format\":9", StringComparison.Ordinal)))));
        Assert.Contains("columns are not those", Message(Back(Fixture("gradient_boosting.json"), null, Encoding.UTF8.GetBytes(json.Replace("\"columns\":[\"visits\"", "\"columns\":[\"visit\"", StringComparison.Ordinal)))));
    }

    [Fact]
    public void Write_OneClassOnly_SaysWhatIsMissing()
    {
        var set = new TrainingSet(Set.Profile, Set.Values, new float[Set.Rows]);
        using var zip = new MemoryStream();
        Assert.Contains("at least 10 converted", Assert.Throws<TrainingException>(() => TrainingMatrix.Write(zip, set, Ids, SmallWorld.Quick, default)).Message);
    }
}
