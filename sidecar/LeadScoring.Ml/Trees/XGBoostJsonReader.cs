using System.Text.Json;

namespace LeadScoring.Ml.Trees;

/// <summary>Reads XGBoost's JSON (1.6 to 3.x) token by token, without building a document of it.</summary>
/// <remarks>Source: XGBoost documentation, "Introduction to Model IO", and src/tree/tree_model.cc. What scoring does not need is skipped.</remarks>
internal ref struct XGBoostJsonReader
{
    private readonly XGBoostDocument document = new();
    private Utf8JsonReader json;

    private XGBoostJsonReader(ReadOnlySpan<byte> utf8) => json = new Utf8JsonReader(utf8);

    private delegate void MemberReader(ref XGBoostJsonReader reader, string name);

    /// <exception cref="TreeModelFormatException">Not JSON, or a known member has another type than XGBoost gives it.</exception>
    internal static XGBoostDocument Read(ReadOnlySpan<byte> utf8)
    {
        var reader = new XGBoostJsonReader(utf8);
        try
        {
            reader.json.Read();
            reader.Members(static (ref r, name) =>
            {
                if (name == "learner")
                    r.Members(ReadLearner);
                else
                    r.json.Skip();
            });
            if (reader.json.Read())
                throw reader.Unexpected("the end");
            return reader.document;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Utf8JsonReader answers invalid UTF-8 inside a string with InvalidOperationException.
            throw new TreeModelFormatException($"The model is not readable JSON: {exception.Message}", exception);
        }
    }

    private static void ReadLearner(ref XGBoostJsonReader r, string name)
    {
        switch (name)
        {
            case "attributes": r.Members(static (ref r, name) => r.Text(name == "best_iteration", static (d, text) => d.BestIteration = text)); break;
            case "feature_names": r.ReadFeatureNames(); break;
            case "gradient_booster": r.Members(ReadBooster); break;
            case "learner_model_param": r.Members(ReadLearnerParameter); break;
            case "objective": r.Members(static (ref r, name) => r.Text(name == "name", static (d, text) => d.Objective = text)); break;
            default: r.json.Skip(); break;
        }
    }

    private static void ReadBooster(ref XGBoostJsonReader r, string name)
    {
        switch (name)
        {
            case "name": r.document.Booster = r.Text(); break;
            case "model": r.Members(ReadBoosterModel); break;
            default: r.json.Skip(); break;
        }
    }

    private static void ReadBoosterModel(ref XGBoostJsonReader r, string name)
    {
        switch (name)
        {
            case "gbtree_model_param": r.Members(ReadBoosterParameter); break;
            case "tree_info": r.document.TreeGroups = r.Integers(); break;
            case "trees": r.ReadTrees(); break;
            default: r.json.Skip(); break;
        }
    }

    private static void ReadLearnerParameter(ref XGBoostJsonReader r, string name)
    {
        switch (name)
        {
            case "base_score": r.document.BaseScore = r.Text(); break;
            case "num_feature": r.document.FeatureCount = r.Text(); break;
            case "num_class": r.document.ClassCount = r.Text(); break;
            case "num_target": r.document.TargetCount = r.Text(); break;
            default: r.json.Skip(); break;
        }
    }

    private static void ReadBoosterParameter(ref XGBoostJsonReader r, string name)
    {
        switch (name)
        {
            case "num_trees": r.document.TreeCount = r.Text(); break;
            case "num_parallel_tree": r.document.ParallelTrees = r.Text(); break;
            default: r.json.Skip(); break;
        }
    }

    private static void ReadTree(ref XGBoostJsonReader r, string name)
    {
        var tree = r.document.Trees[^1];
        switch (name)
        {
            case "left_children": tree.LeftChildren = r.Integers(); break;
            case "right_children": tree.RightChildren = r.Integers(); break;
            case "split_indices": tree.SplitIndices = r.Integers(); break;
            case "split_type": tree.SplitTypes = r.Integers(); break;
            case "default_left": tree.DefaultLeft = r.Integers(); break;
            case "split_conditions": tree.SplitConditions = r.Floats(); break;
            case "sum_hessian": tree.SumHessian = r.Floats(); break;
            case "tree_param": r.Members(ReadTreeParameter); break;
            default: r.json.Skip(); break;
        }
    }

    private static void ReadTreeParameter(ref XGBoostJsonReader r, string name)
    {
        switch (name)
        {
            case "num_nodes": r.document.Trees[^1].NodeCount = r.Text(); break;
            case "size_leaf_vector": r.document.Trees[^1].LeafVectorSize = r.Text(); break;
            default: r.json.Skip(); break;
        }
    }

    /// <summary>Stands on the first token of an object, hands each member to the reader with the value's token read, ends on its last token.</summary>
    private void Members(MemberReader read)
    {
        Expect(JsonTokenType.StartObject, "an object");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.GetString()!;
            json.Read();
            read(ref this, name);
        }
    }

    private void ReadTrees()
    {
        Expect(JsonTokenType.StartArray, "an array of trees");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            document.Trees.Add(new RawTree());
            Members(ReadTree);
        }
    }

    private void ReadFeatureNames()
    {
        Expect(JsonTokenType.StartArray, "an array of names");
        document.FeatureNames.Clear();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            document.FeatureNames.Add(Text());
    }

    private void Text(bool wanted, Action<XGBoostDocument, string> set)
    {
        if (wanted)
            set(document, Text());
        else
            json.Skip();
    }

    private string Text()
    {
        Expect(JsonTokenType.String, "text");
        return json.GetString()!;
    }

    private int[] Integers()
    {
        Expect(JsonTokenType.StartArray, "an array of whole numbers");
        var values = new List<int>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType is JsonTokenType.True or JsonTokenType.False)
                values.Add(json.TokenType == JsonTokenType.True ? 1 : 0);
            else if (json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var value))
                values.Add(value);
            else
                throw Unexpected("a whole number");
        }

        return [.. values];
    }

    private float[] Floats()
    {
        Expect(JsonTokenType.StartArray, "an array of numbers");
        var values = new List<float>();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetSingle(out var value))
                throw Unexpected("a number");
            values.Add(value);
        }

        return [.. values];
    }

    private readonly void Expect(JsonTokenType type, string what)
    {
        if (json.TokenType != type)
            throw Unexpected(what);
    }

    private readonly TreeModelFormatException Unexpected(string what) =>
        new($"At byte {json.TokenStartIndex} of the model there is a {json.TokenType} where {what} was expected.");
}
