using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LeadScoring.Benchmarks;

/// <summary>CPU clocks of the kernel: what other programs do meanwhile is not counted.</summary>
internal static partial class CpuClock
{
    private const int ProcessClock = 2;
    private const int ThreadClock = 3;

    /// <summary>CPU time of the calling thread, microseconds.</summary>
    internal static double ThreadMicroseconds => Read(ThreadClock);

    /// <summary>CPU time of all threads of this process, microseconds.</summary>
    internal static double ProcessMicroseconds => Read(ProcessClock);

    private static double Read(int clock)
    {
        if (clock_gettime(clock, out var time) != 0) throw new InvalidOperationException("clock_gettime failed; the benchmarks run on Linux.");
        return (time.Seconds * 1e6) + (time.Nanoseconds / 1e3);
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out Timespec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }
}

/// <summary>Something to be measured.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Units">Leads that one run handles.</param>
/// <param name="Run">Handles them, on the calling thread.</param>
internal sealed record Candidate(string Name, int Units, Action Run);

/// <summary>What was measured: microseconds of CPU per lead in each round, and bytes allocated per lead.</summary>
internal sealed record Timing(string Name, double[] Rounds, double Bytes)
{
    internal double Median => Statistics.Median(Rounds);

    internal double Min => Rounds.Min();

    /// <summary>How many times less this takes than the other: the median over rounds, so that a noisy stretch hits both.</summary>
    internal double TimesLessThan(Timing other) => Statistics.Median([.. other.Rounds.Zip(Rounds, (a, b) => a / b)]);

    internal string Text => $"{Report.Number(Median)} ({Report.Number(Min)})";
}

internal static class RoundRobin
{
    private const double RoundMicroseconds = 30_000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan CompiledAnew = TimeSpan.FromMilliseconds(150);

    /// <summary>Measures all candidates in turn, round after round, each for about 30 ms of CPU time (or one run).</summary>
    internal static Timing[] Measure(IReadOnlyList<Candidate> candidates, int rounds)
    {
        var repeats = candidates.Select(Calibrate).ToArray();
        var times = candidates.Select(_ => new double[rounds]).ToArray();
        var bytes = new double[candidates.Count];
        for (var round = 0; round < rounds; round++)
        {
            for (var c = 0; c < candidates.Count; c++)
            {
                var (units, run) = ((double)repeats[c] * candidates[c].Units, candidates[c].Run);
                var allocated = GC.GetAllocatedBytesForCurrentThread();
                var start = CpuClock.ThreadMicroseconds;
                for (var i = 0; i < repeats[c]; i++) run();
                times[c][round] = (CpuClock.ThreadMicroseconds - start) / units;
                bytes[c] = (GC.GetAllocatedBytesForCurrentThread() - allocated) / units;
            }
        }

        return [.. candidates.Select((candidate, c) => new Timing(candidate.Name, times[c], bytes[c]))];
    }

    /// <summary>Runs until the runtime has compiled the code anew from its profile, and finds how many runs fill a round.</summary>
    private static int Calibrate(Candidate candidate)
    {
        var clock = Stopwatch.StartNew();
        // Hot code is compiled anew on another thread, 100 ms after it was called often enough; nothing tells when it is done.
        do candidate.Run(); while (clock.Elapsed < WarmUp + CompiledAnew);
        candidate.Run();
        var start = CpuClock.ThreadMicroseconds;
        candidate.Run();
        return (int)Math.Clamp(RoundMicroseconds / Math.Max(1, CpuClock.ThreadMicroseconds - start), 1, 10_000);
    }
}

internal static class Statistics
{
    internal static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
