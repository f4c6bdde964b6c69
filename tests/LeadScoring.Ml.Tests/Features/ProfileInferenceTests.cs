using System.Globalization;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class ProfileInferenceTests
{
    [Fact]
    public void Infer_ColumnsOfEverySort_AreToldApart()
    {
        var random = new Random(1);
        string[] cities = ["Boston", "Salem", "Lowell"];
        var rows = Enumerable.Range(0, 300).Select(i => new[]
        {
            Guid(random), $"{i + 1}", $"{60_000_000_000L + random.NextInt64(1_000_000_000)}", $"{random.Next(100_000)}", $"{random.NextDouble() * 5:R}".Replace('.', ','),
            cities[random.Next(3)], random.Next(2) == 0 ? "yes" : "no", $"{random.Next(2)}", $"2024-0{random.Next(1, 10)}-11 1{random.Next(10)}:00", "same", "",
            $"I would like to know {random.Next(1_000_000)} things", random.Next(5) == 0 ? "" : "vip",
        }).ToArray();
        string[] names = ["uuid", "row", "account", "income", "rate", "city", "consent", "flag", "created", "constant", "empty", "message", "tier"];
        var found = ProfileInference.Infer("p", names, rows, null, new HashSet<string>()).Columns;
        ColumnRole[] expected =
        [
            ColumnRole.Identity, ColumnRole.Identity, ColumnRole.Identity, ColumnRole.Numeric, ColumnRole.Numeric, ColumnRole.Categorical, ColumnRole.Boolean,
            ColumnRole.Boolean, ColumnRole.Date, ColumnRole.Constant, ColumnRole.Constant, ColumnRole.FreeText, ColumnRole.Categorical,
        ];
        Assert.Equal(names.Zip(expected), found.Select(f => (f.Name, f.Role)));
        Assert.Equal(3, found[5].Distinct);
        Assert.Equal(1, found[10].MissingShare);
    }

    [Fact]
    public void Infer_NumbersWithMissingTokens_AreNumbers()
    {
        string[] cells = [.. Enumerable.Range(0, 60).Select(i => i % 5 == 0 ? "N/A" : i % 5 == 1 ? "" : $"{i * 7 % 23}.5")];
        var found = Infer("x", cells).Columns[0];
        Assert.Equal(ColumnRole.Numeric, found.Role);
        Assert.Equal(0.4, found.MissingShare, 12);
    }

    [Fact]
    public void Infer_WholeNumbers_AreCodesOnlyWhenOutcomesLeapBetweenThem()
    {
        var random = new Random(3);
        double[] leaping = [0.1, 0.8, 0.2, 0.9, 0.1, 0.7];
        string[] cells = [.. Enumerable.Range(0, 1200).Select(i => $"{i % 6}")];
        float[] leaps = [.. Enumerable.Range(0, 1200).Select(i => random.NextDouble() < leaping[i % 6] ? 1f : 0)];
        float[] rising = [.. Enumerable.Range(0, 1200).Select(i => random.NextDouble() < 0.1 + (0.12 * (i % 6)) ? 1f : 0)];
        Assert.Equal(ColumnRole.Categorical, Infer("x", cells, leaps).Columns[0].Role);
        Assert.Equal(ColumnRole.Numeric, Infer("x", cells, rising).Columns[0].Role);
        Assert.Equal(ColumnRole.Numeric, Infer("x", cells).Columns[0].Role);
    }

    [Fact]
    public void Infer_FewRows_TakesNothingForAnId() =>
        Assert.Equal(ColumnRole.Numeric, Infer("x", ["1", "2", "3", "4", "5"]).Columns[0].Role);

    [Fact]
    public void Infer_Excluded_IsLeftOutOfTheProfile()
    {
        var inferred = ProfileInference.Infer("p", ["x", "label"], [["1", "0"], ["2", "1"], ["3", "0"]], null, new HashSet<string> { "label" });
        Assert.Equal(ColumnRole.Excluded, inferred.Columns[1].Role);
        Assert.Equal(["x"], FeatureProfile.Parse(inferred.Yaml).Features.Select(f => f.Name));
    }

    [Fact]
    public void Infer_NothingUsable_SaysWhy()
    {
        Assert.Contains("no rows", Assert.Throws<ArgumentException>(() => ProfileInference.Infer("p", ["x"], [], null, new HashSet<string>())).Message);
        Assert.Contains("No column", Assert.Throws<ArgumentException>(() => Infer("x", ["same", "same"])).Message);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("with space")]
    [InlineData(" around ")]
    [InlineData("\"quoted\"")]
    [InlineData("it's")]
    [InlineData("back\\slash")]
    [InlineData("colon: and # hash")]
    [InlineData("a | b")]
    [InlineData("x | count")]
    [InlineData("x|y")]
    [InlineData("Straße")]
    [InlineData("年齢")]
    [InlineData("emoji 😀")]
    [InlineData("two\nlines")]
    [InlineData("cr\r\nlf")]
    [InlineData("tab\there")]
    [InlineData("bell\u0007")]
    [InlineData("separator\u2028line")]
    [InlineData("nel\u0085x")]
    [InlineData("- dash")]
    [InlineData("{brace}")]
    [InlineData("*star &amp")]
    [InlineData("42")]
    [InlineData("null")]
    [InlineData("activity:count(chat)")]
    [InlineData("\uFEFFbom")]
    public void Infer_AnyHeader_GivesAFeatureThatReadsThatColumn(string header)
    {
        var inferred = Infer(header, ["5", "7", "9"], name: header);
        var profile = FeatureProfile.Parse(inferred.Yaml);
        Assert.Single(profile.Features);
        Assert.Equal(7, Read(profile, header, "7")[0].Number);
    }

    [Fact]
    public void Infer_HeaderWithDates_ReadsHourAndWeekday()
    {
        var inferred = Infer("seen | at \"x\"", ["2024-02-29 13:05", "2024-03-01 14:05"]);
        var profile = FeatureProfile.Parse(inferred.Yaml);
        var values = Read(profile, "seen | at \"x\"", "2024-02-29 13:05");
        Assert.Equal([13.0, 3], values.Select(v => v.Number));
    }

    [Fact]
    public void Infer_HeadersWithOneSlug_GetNamesOfTheirOwn()
    {
        string[] names = ["A b", "a_b", "a-b", "a_b_2", "ä b", "漢字", "1st"];
        var rows = Enumerable.Range(0, 3).Select(i => names.Select((_, c) => $"{(c * 10) + i}.5").ToArray()).ToArray();
        var profile = FeatureProfile.Parse(ProfileInference.Infer("p", names, rows, null, new HashSet<string>()).Yaml);
        Assert.Equal(names.Length, profile.Features.Count);
        var values = new FeatureExtractor(profile).Extract(new LeadSnapshot(names.Select((n, c) => (n, c)).ToDictionary(p => p.n, p => AttributeValue.From(p.c)), new ActivityState()), 0);
        Assert.Equal([0.0, 1, 2, 3, 4, 5, 6], values.Select(v => v.Number));
    }

    [Fact]
    public void Infer_ColumnWithoutAName_IsLeftOut()
    {
        var inferred = ProfileInference.Infer("p", ["", "x"], [["1", "4"], ["2", "5"], ["3", "6"]], null, new HashSet<string>());
        Assert.Equal(["x"], FeatureProfile.Parse(inferred.Yaml).Features.Select(f => f.Name));
    }

    private static InferredProfile Infer(string column, string[] cells, float[]? labels = null, string name = "p") =>
        ProfileInference.Infer(name, [column], [.. cells.Select(c => new[] { c })], labels, new HashSet<string>());

    private static FeatureValue[] Read(FeatureProfile profile, string column, string cell) =>
        new FeatureExtractor(profile).Extract(new LeadSnapshot(new Dictionary<string, AttributeValue> { [column] = AttributeValue.From(cell) }, new ActivityState()), 0);

    private static string Guid(Random random)
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes).ToString("D", CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Infer_AnyTable_RecommendsAnActionForEachGrade()
    {
        var inferred = ProfileInference.Infer("p", ["x"], [["1"], ["2"], ["3"]], null, new HashSet<string>());
        Assert.Equal(["A", "B", "C", "D"], FeatureProfile.Parse(inferred.Yaml).Actions.SelectMany(a => a.Grades).Distinct());
    }
}
