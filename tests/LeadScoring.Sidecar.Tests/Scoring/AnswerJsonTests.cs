using System.Buffers;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>What is written by hand is what the serializer, which the documentation is made from, would write.</summary>
public sealed class AnswerJsonTests
{
    private static readonly JsonSerializerOptions Options = Made();

    private static JsonSerializerOptions Made()
    {
        var options = new JsonSerializerOptions();
        ApiServices.Configure(options);
        return options;
    }

    private static readonly LeadScoring.Sidecar.Scoring.Recommendations Some = new(
        "Rufen Sie „Jürgen“ & Co. <an>", "call", DateTimeOffset.FromUnixTimeMilliseconds(1_790_000_000_007), "phone", new RecommendationReasons("a \"quoted\" \\ why", "b\n", "c"),
        DateTimeOffset.FromUnixTimeMilliseconds(1_790_003_600_000), "Europe/Berlin", new RecommendationAbstentions(true, false, true));

    private static readonly LeadScoring.Sidecar.Scoring.Recommendations None = new("Do not contact", "none", null, "none", new RecommendationReasons("x", "y", "z"));

    public static TheoryData<string> Cases => [.. Answers().Keys];

    private static Dictionary<string, ScoreAnswer> Answers()
    {
        var factors = new Factors(
            36.722,
            [new("a", "A", 3.25, 18, "intent", "three", new FactorBaseRate(0.914, 0.3203, 7_980)), new("b", "B", true, 0.001, "x", "yes"), new("b", "B", false, 1e-7, "x", "no")],
            [new("c", "C", "35-44 & \"more\"", -17.992, "demographic", "é"), new("d", "D", null, -1, "other", "D is unknown")]);
        var full = new ScoreAnswer(
            "lead \u00fc/1", 83.9, "B", 0.839127, 0.8452, factors, Some, DateTimeOffset.FromUnixTimeMilliseconds(0), 7, ScoredBy.Ensemble, true, false, new RestsOn(RestsOnStage.Model, 80_000, 25_623),
            new ScoreExclusion("competitor", "A competitor"), true, new ScoreInterval(0.8196, 0.8569, 0.9), new SubScores(36.722, -0.435, 39.755, 7.858), "confidence 60 % is below 70 %", ScoreCalibration.RankOnly, new LeadScoring.Sidecar.Leads.LeadOverride("A", "knows the \"owner\"", "Ann", Moment.Of(1_781_000_000_000), Moment.Of(1_781_900_000_000)), Exploration: true, HoldOut: false);
        return new(StringComparer.Ordinal)
        {
            ["everything"] = full,
            ["least"] = new ScoreAnswer("a", 10, "D", 0.1, 0.5, null, None, DateTimeOffset.UnixEpoch, null, ScoredBy.Rules, false, true, new RestsOn(RestsOnStage.Rules, 0, 0)),
            ["prior"] = full with { Factors = new Factors(0, [], []), Saved = false, ScoredBy = ScoredBy.Primary, RestsOn = new RestsOn(RestsOnStage.PriorAndData, 3, 1), Calibration = ScoreCalibration.Reanchored, Exclusion = null, Override = full.Override! with { Until = null } },
            ["calibrated"] = full with { Calibration = ScoreCalibration.Calibrated, ConversionInterval = null, SubScores = null, ReviewReason = null, Score = 0.1, ConversionProbability = 1e-6 },
        };
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Write_Answer_IsTheSerializersText(string name)
    {
        var answer = Answers()[name];
        Assert.Equal(JsonSerializer.Serialize(answer, Options), Written(json => AnswerJson.Write(json, answer)));
    }

    [Fact]
    public void Write_Item_IsTheSerializersText()
    {
        foreach (var item in (PostScoreBatch.Item[])[new(3, "a", Answers()["everything"]), new(0, null, Errors: [new FieldError("/items/0/a~1b", "Not \"this\"."), new FieldError("", "é")])])
            Assert.Equal(JsonSerializer.Serialize(item, Options), Written(json => AnswerJson.Write(json, item)));
    }

    [Fact]
    public void Buffer_LargeAnswerThenSmall_EachIsWhole()
    {
        for (var i = 0; i < 3; i++)
        {
            // What pooled memory held before must not show.
            foreach (var size in (int[])[4_096, 300_000, 1_000_000, 2_000_000])
            {
                var used = ArrayPool<byte>.Shared.Rent(size);
                Array.Fill(used, (byte)'#');
                ArrayPool<byte>.Shared.Return(used);
            }

            var item = new PostScoreBatch.Item(i, new string('x', 300_000 / (i + 1)));
            var written = Written(json => AnswerJson.Write(json, item));
            Assert.Equal(JsonSerializer.Serialize(item, Options), written);
        }
    }

    private static string Written(Action<Utf8JsonWriter> write)
    {
        using var buffer = JsonBuffer.Rent();
        write(buffer.Json);
        return Encoding.UTF8.GetString(buffer.Written);
    }
}
