namespace LeadScoring.Benchmarks;

internal static class FaultBenchmark
{
    internal static Task RunAsync(BenchmarkOptions options) => throw new NotImplementedException(options.ToString());
}
