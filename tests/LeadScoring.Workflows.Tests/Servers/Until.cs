using System.Diagnostics;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>Waits for what comes about in the background.</summary>
internal static class Until
{
    public static async Task SoAsync(Func<Task<bool>> isSo, int seconds = 60)
    {
        var waited = Stopwatch.StartNew();
        while (!await isSo())
        {
            if (waited.Elapsed > TimeSpan.FromSeconds(seconds)) throw new TimeoutException($"It did not come about within {seconds} seconds.");
            await Task.Delay(100);
        }
    }
}
