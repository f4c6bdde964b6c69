namespace LeadScoring.Sidecar.Leads;

/// <summary>Wakes the workers of this process when a lead has changed, once the change is committed. Other replicas find it when they look next.</summary>
internal sealed class LeadsChanged
{
    private TaskCompletionSource next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with the next change. Take it before looking at the queue: what comes in between is not missed.</summary>
    internal Task Next => Volatile.Read(ref next).Task;

    internal void Tell() => Interlocked.Exchange(ref next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
