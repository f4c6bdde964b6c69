using System.Text;
using System.Text.Json.Nodes;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>Model bytes may come from strangers: one documented exception, or a model that scores; never a crash, never a hang.</summary>
[Trait("Category", "Slow")]
public sealed class MalformedModelTests
{
    private static readonly XGBoostFixture Fixture = new("gbm-base-score");

    public static TheoryData<string, string, Action<JsonNode>> Broken => new()
    {
        { "another booster", "dart", m => m["learner"]!["gradient_booster"]!["name"] = "dart" },
        { "another objective", "multi:softprob", m => m["learner"]!["objective"]!["name"] = "multi:softprob" },
        { "no objective", "objective", m => m["learner"]!.AsObject().Remove("objective") },
        { "several classes", "classes", m => m["learner"]!["learner_model_param"]!["num_class"] = "3" },
        { "several targets", "targets", m => m["learner"]!["learner_model_param"]!["num_target"] = "2" },
        { "tree of another class", "second output", m => m["learner"]!["gradient_booster"]!["model"]!["tree_info"]![3] = 1 },
        { "tree_info too long", "tree_info", m => m["learner"]!["gradient_booster"]!["model"]!["tree_info"]!.AsArray().Add(0) },
        { "base_score 0", "base_score", m => m["learner"]!["learner_model_param"]!["base_score"] = "0" },
        { "base_score NaN", "base_score", m => m["learner"]!["learner_model_param"]!["base_score"] = "NaN" },
        { "base_score of two", "base_score", m => m["learner"]!["learner_model_param"]!["base_score"] = "[5E-1,5E-1]" },
        { "no features", "num_feature", m => m["learner"]!["learner_model_param"]!["num_feature"] = "0" },
        { "too many features", "num_feature", m => m["learner"]!["learner_model_param"]!["num_feature"] = "40000" },
        { "too few features", "splits on column", m => m["learner"]!["learner_model_param"]!["num_feature"] = "3" },
        { "names that do not match", "feature names", m => m["learner"]!["feature_names"]!.AsArray().Add("a") },
        { "a tree less", "trees", m => m["learner"]!["gradient_booster"]!["model"]!["trees"]!.AsArray().RemoveAt(0) },
        { "best_iteration -1", "best_iteration", m => m["learner"]!["attributes"]!["best_iteration"] = "-1" },
        { "best_iteration text", "best_iteration", m => m["learner"]!["attributes"]!["best_iteration"] = "many" },
        { "child out of range", "children", m => Tree(m)["left_children"]![0] = 99 },
        { "child negative", "children", m => Tree(m)["left_children"]![0] = -7 },
        { "half a leaf", "children", m => Tree(m)["right_children"]![0] = -1 },
        { "child is the root", "reached twice", m => Tree(m)["right_children"]![1] = 0 },
        { "child is itself", "reached twice", m => Tree(m)["left_children"]![1] = 1 },
        { "children are one", "reached twice", m => Tree(m)["left_children"]![0] = (int)Tree(m)["right_children"]![0]! },
        { "negative column", "splits on column", m => Tree(m)["split_indices"]![0] = -1 },
        { "column out of range", "splits on column", m => Tree(m)["split_indices"]![0] = 12 },
        { "categorical split", "categorical", m => Tree(m)["split_type"]![0] = 1 },
        { "an array too short", "length", m => Tree(m)["default_left"]!.AsArray().RemoveAt(0) },
        { "an array missing", "missing", m => Tree(m).AsObject().Remove("sum_hessian") },
        { "node count", "nodes", m => Tree(m)["tree_param"]!["num_nodes"] = "4" },
        { "leaf vectors", "leaves", m => Tree(m)["tree_param"]!["size_leaf_vector"] = "3" },
        { "no nodes", "no nodes", m => Tree(m)["left_children"] = new JsonArray() },
        { "threshold too large", "finite", m => Tree(m)["split_conditions"]![0] = 1e60 },
        { "leaves too large", "infinite", m => Tree(m)["split_conditions"]![Tree(m)["split_conditions"]!.AsArray().Count - 1] = 3.2e38 },
        { "text for a number", "a number", m => Tree(m)["split_conditions"]![0] = "1" },
        { "fraction for a child", "whole number", m => Tree(m)["left_children"]![0] = 1.5 },
        { "number for text", "text", m => m["learner"]!["learner_model_param"]!["num_feature"] = 12 },
        { "array for the learner", "an object", m => m["learner"] = new JsonArray() },
    };

    [Theory]
    [MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    public void FromXGBoostJson_BrokenModel_SaysWhat(string what, string expected, Action<JsonNode> breakIt)
    {
        _ = what;
        var model = JsonNode.Parse(Fixture.Json)!;
        breakIt(model);

        var exception = Assert.Throws<TreeModelFormatException>(() => TreeEnsemble.FromXGBoostJson(Encoding.UTF8.GetBytes(model.ToJsonString())));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{} {}")]
    [InlineData("""{"learner": {"feature_names": ["\ud800"]}}""")]
    [InlineData("binf\u0001\u0002")]
    public void FromXGBoostJson_NotAModel_Throws(string text) =>
        Assert.Throws<TreeModelFormatException>(() => TreeEnsemble.FromXGBoostJson(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void FromXGBoostJson_OneLeafForBothSides_Throws() => Assert.Contains(
        "reached twice",
        Assert.Throws<TreeModelFormatException>(() => TreeEnsemble.FromXGBoostJson(
            ModelText.OneTree(1, [1, -1, -1], [1, -1, -1], [0, 0, 0], [0.5f, 1, 2], [0, 0, 0]))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void FromXGBoostJson_ChainDeeperThanTheLimit_Throws()
    {
        Assert.Equal(256, TreeEnsemble.FromXGBoostJson(Chain(256)).MaxDepth);
        Assert.Contains("deeper", Assert.Throws<TreeModelFormatException>(() => TreeEnsemble.FromXGBoostJson(Chain(257))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromXGBoostJson_TruncatedAnywhere_Throws()
    {
        for (var length = 0; length < Fixture.Json.Length; length += 7)
            Assert.Throws<TreeModelFormatException>(() => TreeEnsemble.FromXGBoostJson(Fixture.Json.AsSpan(0, length)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task FromXGBoostJson_MutatedBytes_ScoreOrThrowTheDocumentedException(int seed)
    {
        var (read, refused) = await Task.Run(() => MutateBytes(seed, 3_000)).WaitAsync(TimeSpan.FromMinutes(2));

        // Both kinds must occur, or the mutations are too tame or too wild to tell anything.
        Assert.True(read > 100 && refused > 100, $"{read} read, {refused} refused");
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task FromXGBoostJson_MutatedNumbers_ScoreOrThrowTheDocumentedException(int seed)
    {
        var (read, refused) = await Task.Run(() => MutateNumbers(seed, 1_500)).WaitAsync(TimeSpan.FromMinutes(2));

        Assert.True(read > 100 && refused > 100, $"{read} read, {refused} refused");
    }

    [Fact]
    public void FromXGBoostJson_DeletedNodesLeftBehind_AreIgnored()
    {
        // XGBoost keeps pruned nodes in the arrays; nothing points to them and their column is 2^31 - 1.
        var model = TreeEnsemble.FromXGBoostJson(ModelText.OneTree(
            1, [3, -1, -1, -1, -1], [4, -1, -1, -1, -1], [0, int.MaxValue, 0, 0, 0], [0.5f, 9, 9, 1, 2], [0, 0, 0, 0, 0]));

        Assert.Equal(3, model.Trees[0].NodeCount);
        Assert.Equal((1, 2, 2), (model.Margin([0]), model.Margin([1]), model.Margin([float.NaN])));
    }

    [Fact]
    public void FromXGBoostJson_BestIteration_LeavesLaterRoundsOut()
    {
        var model = JsonNode.Parse(Fixture.Json)!;
        model["learner"]!["attributes"]!["best_iteration"] = "3";
        model["learner"]!["learner_model_param"]!["base_score"] = "[1.7E-1]";   // as XGBoost 3 writes it

        var best = TreeEnsemble.FromXGBoostJson(Encoding.UTF8.GetBytes(model.ToJsonString()));

        Assert.Equal(4, best.TreeCount);
        Assert.Equal(TreeEnsemble.FromXGBoostJson(Fixture.Json).BaseMargin, best.BaseMargin);
    }

    private static JsonNode Tree(JsonNode model) => model["learner"]!["gradient_booster"]!["model"]!["trees"]![4]!;

    private static byte[] Chain(int depth)
    {
        var nodes = (2 * depth) + 1;
        return ModelText.OneTree(
            1,
            [.. Enumerable.Range(0, nodes).Select(n => n % 2 == 0 && n < nodes - 1 ? n + 1 : -1)],
            [.. Enumerable.Range(0, nodes).Select(n => n % 2 == 0 && n < nodes - 1 ? n + 2 : -1)],
            new int[nodes],
            [.. Enumerable.Range(0, nodes).Select(n => n / 1000f)],
            new int[nodes]);
    }

    private static (int Read, int Refused) MutateBytes(int seed, int count)
    {
        var random = new Random(seed);
        var alphabet = "0123456789-.eE,:[]{}\"nN "u8.ToArray();
        int read = 0, refused = 0;
        for (var i = 0; i < count; i++)
        {
            var bytes = new List<byte>(Fixture.Json);
            for (var edits = random.Next(1, 4); edits > 0; edits--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes[at] = alphabet[random.Next(alphabet.Length)]; break;
                    case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at)); break;
                    default: bytes.InsertRange(at, bytes.GetRange(random.Next(at + 1), Math.Min(4, at + 1) / 2)); break;
                }
            }

            Count(TryScore([.. bytes]), ref read, ref refused);
        }

        return (read, refused);
    }

    private static (int Read, int Refused) MutateNumbers(int seed, int count)
    {
        var random = new Random(seed);
        string[] arrays = ["left_children", "right_children", "split_indices", "split_conditions", "sum_hessian", "default_left", "split_type"];
        double[] hostile = [-1, 0, 1, 2, 5, 11, 12, -2, 255, 65_536, int.MaxValue, int.MinValue, 1e38, -3e38, 1e-45, 1e300, 4_294_967_296];
        int read = 0, refused = 0;
        for (var i = 0; i < count; i++)
        {
            var model = JsonNode.Parse(Fixture.Json)!;
            var trees = model["learner"]!["gradient_booster"]!["model"]!["trees"]!.AsArray();
            for (var edits = random.Next(1, 3); edits > 0; edits--)
            {
                var array = trees[random.Next(trees.Count)]![arrays[random.Next(arrays.Length)]]!.AsArray();
                array[random.Next(array.Count)] = hostile[random.Next(hostile.Length)];
            }

            Count(TryScore(Encoding.UTF8.GetBytes(model.ToJsonString())), ref read, ref refused);
        }

        return (read, refused);
    }

    private static void Count(bool scored, ref int read, ref int refused)
    {
        if (scored)
            read++;
        else
            refused++;
    }

    private static bool TryScore(byte[] json)
    {
        TreeEnsemble model;
        try
        {
            model = TreeEnsemble.FromXGBoostJson(json);
        }
        catch (TreeModelFormatException)
        {
            return false;
        }

        var rows = new float[model.FeatureCount * 40];
        Fixture.Rows.AsSpan(0, Math.Min(rows.Length, Fixture.Rows.Length)).CopyTo(rows);
        var margins = new float[40];
        model.Margins(rows, margins);
        Assert.All(margins, margin => Assert.True(float.IsFinite(margin)));
        Assert.Equal(margins[0], model.Margin(rows.AsSpan(0, model.FeatureCount)));
        return true;
    }
}
