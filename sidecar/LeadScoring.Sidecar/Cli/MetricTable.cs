using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Cli;

/// <summary>All metrics of an evaluation, members side by side.</summary>
internal static class MetricTable
{
    internal static void Print(Terminal terminal, EvaluationReport report)
    {
        (string Name, MetricSet Set)[] models =
        [
            ("ensemble", report.Ensemble), ("gradient boosting", report.GradientBoosting), ("random forest", report.RandomForest), ("network", report.Network), ("regression", report.Regression),
        ];
        (string Name, Func<MetricSet, double> Value)[] metrics =
        [
            ("ROC AUC", m => m.RocAuc), ("average precision", m => m.AveragePrecision), ("log loss", m => m.LogLoss), ("Brier", m => m.Brier), ("calibration error (ECE)", m => m.Ece),
            ("precision at 0.5", m => m.AtHalf.Precision), ("recall at 0.5", m => m.AtHalf.Recall), ("F1 at 0.5", m => m.AtHalf.F1),
            ("best threshold", m => m.AtBestF1.Threshold), ("precision at best", m => m.AtBestF1.Precision), ("recall at best", m => m.AtBestF1.Recall), ("F1 at best", m => m.AtBestF1.F1),
            ("precision of grade A", m => m.GradeAPrecision), ("share of grade A", m => m.GradeAShare), ("Pearson", m => m.Pearson), ("std of scores", m => m.ScoreStd),
        ];
        terminal.Line();
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Ensemble.Rows:N0} test rows, {report.Ensemble.Positives:N0} converted"));
        terminal.Table(["", .. models.Select(m => m.Name)], [.. metrics.Select(metric => (IReadOnlyList<string>)[metric.Name, .. models.Select(m => Text(metric.Value(m.Set)))])]);
    }

    internal static string Text(double value) => double.IsNaN(value) ? "-" : value.ToString(Math.Abs(value) >= 10 ? "0.0" : "0.0000", CultureInfo.InvariantCulture);
}

/// <summary>Training progress as steps of a job.</summary>
internal sealed class TrainingSteps(IProgress<JobStep> progress) : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value) => progress.Report(new JobStep(value.Fraction, value.Stage));
}

/// <summary>The option --capacity: a share below 1, else leads a week.</summary>
internal static class CapacityOption
{
    internal static EvaluationSettings Read(double? capacity) => capacity switch
    {
        null => new EvaluationSettings(),
        < 1 => new EvaluationSettings { Capacity = capacity.Value },
        _ => new EvaluationSettings { LeadsPerWeek = capacity },
    };
}

/// <summary>A file with training settings.</summary>
internal static class SettingsFile
{
    /// <exception cref="CsvException">No such file, or not the JSON of training settings.</exception>
    internal static TrainingSettings Read(string? path)
    {
        if (path is null) return new TrainingSettings();
        if (!File.Exists(path)) throw new CsvException($"--settings: there is no file {path}.");
        try
        {
            if (JsonNode.Parse(File.ReadAllText(path)) is not JsonObject said) throw new CsvException("--settings: the file holds no JSON object.");
            return TrainingSettingsJson.WithDefaults(said).Deserialize<TrainingSettings>(TrainingSettingsJson.Strict)!;
        }
        catch (JsonException e)
        {
            throw new CsvException($"--settings: {TrainingSettingsJson.Explain(e)}");
        }
    }
}
