using System.Data.Common;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Storage;

/// <summary>The database in use, chosen by <see cref="StorageOptions.Database"/>. Stores see this shape only; what differs between the two is in this folder.</summary>
internal abstract class Database : IDisposable
{
    /// <exception cref="StorageException">The setting cannot be used.</exception>
    internal static Database Open(IOptions<StorageOptions> options) =>
        PostgresSetting.Describes(options.Value.Database) ? new PostgresDatabase(options.Value) : new SqliteDatabase(options.Value);

    // A frozen server answers nothing and refuses nothing, and its statements end with LEADSCORING__BUSYTIMEOUT only.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Once somebody has waited in vain, the others hardly wait, for so long or until there is an answer.
    private static readonly TimeSpan WhileSilent = TimeSpan.FromMilliseconds(50);
    private const long SilentForMs = 10_000;
    private long silentUntil;

    /// <summary>Raised after a transaction ended and before its writer is told, with the leads it wrote.</summary>
    internal event Action<IReadOnlySet<(string OrganizationId, string? LeadId)>>? Written;

    /// <summary>Which of the two: the folder of its scripts in Storage/Migrations.</summary>
    internal abstract string Dialect { get; }

    /// <summary>Whether many write at once, with locks on rows, and statements take arrays.</summary>
    internal abstract bool IsPostgres { get; }

    /// <summary>What LEADSCORING__DATABASE must say to open the same database. May hold a password: never into logs, messages or arguments of processes.</summary>
    internal abstract string Setting { get; }

    /// <summary>A connection for reading; dispose it. It sees the last committed state and never waits for a writer.</summary>
    internal abstract ValueTask<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken);

    /// <summary>Runs <paramref name="work"/> in a write transaction: committed when it returns, rolled back when it throws.</summary>
    /// <remarks>Where many write at once it may run more than once: it must leave nothing behind but what it returns and what the transaction holds.</remarks>
    internal abstract Task<T> WriteAsync<T>(Func<WriteTransaction, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>Once before the schema is looked at: whether the database can be used at all.</summary>
    /// <exception cref="StorageException">It cannot; the message says what to do.</exception>
    internal abstract Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>Takes the bytes of deleted rows out of the files of the database, as far as it can be done beside those who use it.</summary>
    /// <param name="atOnceBytes">A database that is larger is only brought to the point where deleted rows are overwritten; null: whatever the size.</param>
    /// <returns>Whether none are left that this process knows of. False: try again later.</returns>
    internal abstract Task<bool> ScrubAsync(long? atOnceBytes, CancellationToken cancellationToken);

    /// <summary>The condition that a column is one of a list of texts, after the column's name; the parameter is an array.</summary>
    internal string AnyOf(string parameter) => IsPostgres ? $"= any(@{parameter})" : $"in @{parameter}";

    internal Task WriteAsync(Func<WriteTransaction, Task> work, CancellationToken cancellationToken) =>
        WriteAsync(async transaction =>
        {
            await work(transaction);
            return 0;
        }, cancellationToken);

    /// <summary>The answer to a question to the database, for those who can do without: they do not wait long. The question goes on being asked.</summary>
    /// <exception cref="TimeoutException">No answer in time: as good as away.</exception>
    internal async Task<T> HearAsync<T>(Task<T> answer, CancellationToken cancellationToken)
    {
        try
        {
            var result = await answer.WaitAsync(Environment.TickCount64 < Volatile.Read(ref silentUntil) ? WhileSilent : Patience, cancellationToken);
            Volatile.Write(ref silentUntil, 0);
            return result;
        }
        catch (TimeoutException) when (!answer.IsCompleted)
        {
            Volatile.Write(ref silentUntil, Environment.TickCount64 + SilentForMs);
            throw;
        }
    }

    /// <summary>Runs the work and commits; whoever has copies of what it wrote is told, also when the commit failed: it may have gone through all the same.</summary>
    protected async Task<T> RunAsync<T>(WriteTransaction transaction, Func<WriteTransaction, Task<T>> work, Func<Task> commit)
    {
        try
        {
            var result = await work(transaction);
            await WriteMark.ApplyAsync(transaction);
            await transaction.EndAsync();
            await commit();
            return result;
        }
        finally
        {
            if (transaction.Touched.Count > 0) Written?.Invoke(transaction.Touched);
        }
    }

    public abstract void Dispose();
}

/// <summary>The database cannot be used as configured; the message says what to do.</summary>
internal sealed class StorageException(string message, Exception? inner = null) : Exception(message, inner);
