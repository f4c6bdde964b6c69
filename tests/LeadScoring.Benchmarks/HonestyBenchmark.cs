namespace LeadScoring.Benchmarks;

internal static class HonestyBenchmark
{
    internal static Task RunAsync(BenchmarkOptions options)
    {
        if (options.PublicData is { } folder) ShiftBenchmark.Bank(folder);
        return Task.CompletedTask;
    }
}
