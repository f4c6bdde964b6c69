using System.Data;
using System.Diagnostics;
using Microsoft.Data.Sqlite;

namespace LeadScoring.Sidecar.Storage;

/// <summary>A transaction of SQLite that several writers use one after the other, and one commit for all of them. Only who holds the writer calls it.</summary>
internal sealed class SharedCommit
{
    // Whoever is done waits for the others no longer than for a disk.
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(10);

    private const string Savepoint = "write";

    private readonly SqliteConnection connection;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int kept;
    private long waitingSince;

    /// <exception cref="SqliteException">Another process holds the database for longer than the busy timeout.</exception>
    internal SharedCommit(SqliteConnection connection)
    {
        this.connection = connection;
        Transaction = connection.BeginTransaction(IsolationLevel.Serializable, deferred: false);
    }

    internal SqliteTransaction Transaction { get; }

    /// <summary>Completes with the commit, or with what it failed of: for everybody who took part.</summary>
    internal Task Ended => ended.Task;

    /// <summary>Whether the first write has waited long enough.</summary>
    internal bool IsOld => Stopwatch.GetElapsedTime(waitingSince) > Longest;

    /// <summary>Begins a write. The first one has the transaction for itself: it needs no point to go back to.</summary>
    internal void Join()
    {
        if (kept > 0) Transaction.Save(Savepoint);
    }

    /// <summary>The write is done.</summary>
    internal void Keep()
    {
        if (kept > 0) Transaction.Release(Savepoint);
        else waitingSince = Stopwatch.GetTimestamp();
        kept++;
    }

    /// <summary>Takes the write that has failed out of the transaction; false if the transaction ended with it, as everybody else in it is told.</summary>
    internal bool TryUndo(Exception e)
    {
        try
        {
            if (kept > 0)
            {
                Transaction.Rollback(Savepoint);
                Transaction.Release(Savepoint);
                return true;
            }

            Transaction.Rollback();
            Transaction.Dispose();
        }
        catch (Exception other) when (other is SqliteException or InvalidOperationException)
        {
            // A full disk, for one, makes SQLite roll back by itself.
            Fail(e as SqliteException ?? other);
        }

        return false;
    }

    /// <summary>Commits for all; false if that failed, as all are told.</summary>
    internal bool TryCommit()
    {
        try
        {
            Transaction.Commit();
            Transaction.Dispose();
            ended.SetResult();
            return true;
        }
        catch (Exception e) when (e is SqliteException or InvalidOperationException)
        {
            Fail(e);
            return false;
        }
    }

    private void Fail(Exception e)
    {
        Transaction.Dispose();
        ended.SetException(e);
        // Where nobody else took part, nobody asks.
        _ = ended.Task.Exception;
    }
}
