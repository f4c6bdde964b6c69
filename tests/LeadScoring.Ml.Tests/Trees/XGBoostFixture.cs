using System.Globalization;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>A model, rows, margins and contributions written by XGBoost 1.7.4 itself: tests/fixtures/xgboost/make_xgboost_fixtures.py.</summary>
internal sealed class XGBoostFixture
{
    internal const int Features = 12;

    internal XGBoostFixture(string name)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "fixtures", "xgboost");
        Json = File.ReadAllBytes(Path.Combine(folder, name + ".json"));
        var lines = File.ReadAllLines(Path.Combine(folder, name + ".csv")).Skip(1).Select(line =>
            line.Split(',').Select(text => text.Length == 0 ? float.NaN : float.Parse(text, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        Rows = [.. lines.SelectMany(line => line[..Features])];
        Margins = [.. lines.Select(line => line[Features])];
        Contributions = [.. lines.SelectMany(line => line[(Features + 1)..])];
    }

    internal byte[] Json { get; }

    internal float[] Rows { get; }

    internal float[] Margins { get; }

    internal float[] Contributions { get; }

    internal ReadOnlySpan<float> Row(int index) => Rows.AsSpan(index * Features, Features);
}
