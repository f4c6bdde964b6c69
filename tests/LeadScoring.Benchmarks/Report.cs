using System.Runtime.InteropServices;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>Markdown on standard output, progress on standard error.</summary>
internal static class Report
{
    internal static void Line(string text = "") => Console.Out.WriteLine(text);

    internal static void Progress(string text) => Console.Error.WriteLine(text);

    internal static void Title(string text) => Line($"\n## {text}\n");

    internal static void Machine()
    {
        var cpu = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            : null;
        Line($"{cpu ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} cores, {RuntimeInformation.FrameworkDescription}, "
            + $"libxgboost {XGBoostLibrary.Version ?? "absent"}");
    }

    internal static void Table(string[] header, IEnumerable<string[]> rows)
    {
        Line($"| {string.Join(" | ", header)} |");
        Line($"|{string.Concat(header.Select((_, i) => i == 0 ? "---|" : "---:|"))}");
        foreach (var row in rows) Line($"| {string.Join(" | ", row)} |");
        Line();
    }

    /// <summary>Three digits that count.</summary>
    internal static string Number(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("#,0"),
        >= 10 => value.ToString("0.0"),
        >= 1 => value.ToString("0.00"),
        _ => value.ToString("0.000"),
    };
}
