using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace LeadScoring.Sidecar.Storage;

/// <summary>What a failure of the database means to a store, whichever database it is.</summary>
internal enum StorageFault
{
    /// <summary>A mistake in this program, or something that nobody thought of.</summary>
    Other,

    /// <summary>A key that exists already.</summary>
    Duplicate,

    /// <summary>A row that is referred to does not exist.</summary>
    NoParent,

    /// <summary>A text has the character U+0000, which PostgreSQL cannot hold and SQLite can.</summary>
    BadText,

    /// <summary>Nothing is wrong with the statement: the database is away, full, busy for too long or read-only.</summary>
    Unavailable,
}

internal static class StorageFaults
{
    /// <summary>Whether it says that the database is not there or does not answer: what can do without it goes on.</summary>
    internal static bool IsAway(Exception e) => e is TimeoutException || (e is DbException failure && Of(failure) == StorageFault.Unavailable);

    /// <summary>Whether the file itself is damaged: nothing helps but a backup.</summary>
    internal static bool IsDamage(DbException e) => e is SqliteException { SqliteErrorCode: 11 or 26 } or PostgresException { SqlState: PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted };

    internal static StorageFault Of(DbException e) => e switch
    {
        SqliteException sqlite => Of(sqlite),
        PostgresException postgres => Of(postgres.SqlState),
        // A second command on a connection in use is a mistake here, not the server's.
        NpgsqlOperationInProgressException => StorageFault.Other,
        // No answer at all: refused, cut off, timed out, or no connection left in the pool.
        NpgsqlException => StorageFault.Unavailable,
        _ => StorageFault.Other,
    };

    private static StorageFault Of(SqliteException e) => e switch
    {
        { SqliteExtendedErrorCode: 2067 or 1555 } => StorageFault.Duplicate,
        { SqliteExtendedErrorCode: 787 } => StorageFault.NoParent,
        // Busy, locked, read-only, I/O error, disk full, cannot open.
        { SqliteErrorCode: 5 or 6 or 8 or 10 or 13 or 14 } => StorageFault.Unavailable,
        _ => StorageFault.Other,
    };

    private static StorageFault Of(string sqlState) => sqlState switch
    {
        PostgresErrorCodes.UniqueViolation => StorageFault.Duplicate,
        PostgresErrorCodes.ForeignKeyViolation => StorageFault.NoParent,
        PostgresErrorCodes.CharacterNotInRepertoire => StorageFault.BadText,
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled
            or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InvalidCatalogName => StorageFault.Unavailable,
        // Connection exceptions, bad authorization, insufficient resources, operator intervention (shutdown, crash, starting up), system errors.
        _ => sqlState[..2] is "08" or "28" or "53" or "57" or "58" ? StorageFault.Unavailable : StorageFault.Other,
    };
}
