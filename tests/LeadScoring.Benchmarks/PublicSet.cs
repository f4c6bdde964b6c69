using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;

namespace LeadScoring.Benchmarks;

/// <summary>A public set with its test rows, read as the command <c>evaluate</c> does it.</summary>
internal sealed record PublicSet(TrainingSet Set, int[] TrainRows, int[] TestRows)
{
    /// <param name="folder">Holds sets and splits.</param>
    /// <param name="set">Name.</param>
    /// <param name="variant">Which columns.</param>
    /// <param name="forwardShare">When given: the rows are in order of time, and the last share of them is tested on instead.</param>
    internal static PublicSet Load(string folder, string set, string variant, double? forwardShare = null)
    {
        var table = LeadTable.Read(Path.Combine(folder, "sets", set + ".csv"));
        using var schema = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "sets", set + ".schema.json")));
        var kept = schema.RootElement.GetProperty("variants").GetProperty(variant).EnumerateArray().Select(c => c.GetString()!).ToHashSet(StringComparer.Ordinal);
        var labels = table.Labels(schema.RootElement.GetProperty("label").GetString()!, null);
        int[] labeled = [.. Enumerable.Range(0, labels.Length).Where(r => !float.IsNaN(labels[r]))];
        int[] test = forwardShare is { } share ? labeled[^(int)(share * labeled.Length)..] : table.ReadRowList(Path.Combine(folder, "splits", set + ".test.txt"));
        int[] train = [.. labeled.Except(test)];
        var profile = FeatureProfile.Parse(table.Infer("inferred", train, labels, table.Header.Where(c => !kept.Contains(c))).Yaml);
        var values = table.Extract(profile, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        long[]? moments = forwardShare is null ? null : [.. Enumerable.Range(0, labels.Length).Select(r => (long)r)];
        return new PublicSet(new TrainingSet(profile, values, Array.ConvertAll(labels, y => float.IsNaN(y) ? 0 : y), moments), train, test);
    }

    internal TrainingResult Train(TrainingSettings? settings = null) => EnsembleTrainer.Train(Set, TrainRows, TestRows, settings ?? new TrainingSettings(), null, CancellationToken.None);
}
