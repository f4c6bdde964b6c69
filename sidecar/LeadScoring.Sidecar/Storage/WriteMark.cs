namespace LeadScoring.Sidecar.Storage;

/// <summary>
/// Something that every write transaction of the running request must also do, and whose failure undoes it: so that "the write is done" is said by the write itself.
/// Flows with the request, like its culture; null for all but requests that must not be done twice.
/// </summary>
internal static class WriteMark
{
    private static readonly AsyncLocal<Func<WriteTransaction, Task>?> Current = new();

    internal static void Set(Func<WriteTransaction, Task>? mark) => Current.Value = mark;

    internal static Task ApplyAsync(WriteTransaction transaction) => Current.Value is { } mark ? mark(transaction) : Task.CompletedTask;
}
