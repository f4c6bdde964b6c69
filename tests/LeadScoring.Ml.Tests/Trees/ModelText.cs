using System.Globalization;
using System.Text;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>Writes small models the way XGBoost does.</summary>
internal static class ModelText
{
    internal static byte[] OneTree(int features, int[] left, int[] right, int[] split, float[] values, int[] defaultLeft, float[]? covers = null)
    {
        covers ??= [.. values.Select(_ => 1f)];
        return Encoding.UTF8.GetBytes($$"""
            {"learner": {"gradient_booster": {"model": {"trees": [{
              "left_children": [{{List(left)}}], "right_children": [{{List(right)}}], "split_indices": [{{List(split)}}],
              "split_conditions": [{{List(values)}}], "default_left": [{{List(defaultLeft)}}], "sum_hessian": [{{List(covers)}}] } ] },
              "name": "gbtree"}, "learner_model_param": {"base_score": "0", "num_feature": "{{features}}" },
              "objective": {"name": "reg:squarederror"} }, "version": [1, 7, 4]}
            """);
    }

    private static string List<T>(IEnumerable<T> values) => string.Join(',', values.Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)));
}
