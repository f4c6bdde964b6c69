using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;

namespace LeadScoring.Sidecar.Tests.Jobs;

/// <summary>A job that does what its test says, and counts how many of it run at a time in all replicas of the test.</summary>
internal sealed class TestJob(TestJob.Control control) : IOrganizationJob
{
    internal const string Name = "test_job";

    internal sealed class Control
    {
        private int running;
        private int most;
        private int runs;

        internal int Most => Volatile.Read(ref most);

        internal int Runs => Volatile.Read(ref runs);

        /// <summary>Runs wait for it; complete from the start.</summary>
        internal Task Gate { get; set; } = Task.CompletedTask;

        internal string? FailsFor { get; set; }

        internal async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
        {
            var now = Interlocked.Increment(ref running);
            InterlockedMax(now);
            Interlocked.Increment(ref runs);
            try
            {
                await Gate.WaitAsync(cancellationToken);
                return organizationId == FailsFor ? throw new ProblemException(ProblemKind.Conflict, "As the test wants it.") : $"Done for {organizationId}.";
            }
            finally
            {
                Interlocked.Decrement(ref running);
            }
        }

        private void InterlockedMax(int value)
        {
            for (var seen = Most; value > seen; seen = Most)
            {
                if (Interlocked.CompareExchange(ref most, value, seen) == seen) return;
            }
        }
    }

    public Task<string> RunAsync(string organizationId, CancellationToken cancellationToken) => control.RunAsync(organizationId, cancellationToken);
}
