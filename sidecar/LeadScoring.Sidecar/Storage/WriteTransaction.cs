using System.Data.Common;
using Dapper;

namespace LeadScoring.Sidecar.Storage;

/// <summary>An open write transaction. Several stores may take part in one; it ends with <see cref="Database.WriteAsync{T}"/>.</summary>
/// <remarks>
/// On SQLite it is the only one. On PostgreSQL others run beside it, so whoever reads in order to write locks first: leads' rows in the order of their ids
/// (<see cref="ForUpdate"/>), anything else by a name (<see cref="LockAsync"/>), and names before rows. Then nothing is lost and nobody waits in a circle.
/// </remarks>
internal sealed class WriteTransaction(DbConnection connection, DbTransaction transaction, bool isPostgres)
{
    internal DbConnection Connection => connection;

    internal bool IsPostgres => isPostgres;

    /// <summary>Ends a select whose rows are to be changed: nobody else changes them until this transaction ends.</summary>
    internal string ForUpdate => isPostgres ? "for update" : "";

    /// <summary>The same for a queue: rows that somebody else has locked are passed over.</summary>
    internal string SkipLocked => isPostgres ? "for update skip locked" : "";

    /// <summary>Waits until nobody else holds the name, and holds it until the transaction ends.</summary>
    internal Task LockAsync(string name, CancellationToken cancellationToken) =>
        isPostgres ? ExecuteAsync("select pg_advisory_xact_lock(hashtextextended(@name, 0))", new { name }, cancellationToken) : Task.CompletedTask;

    /// <summary>Holds the name together with others that share it, against those who <see cref="LockAsync"/> it.</summary>
    internal Task ShareAsync(string name, CancellationToken cancellationToken) =>
        isPostgres ? ExecuteAsync("select pg_advisory_xact_lock_shared(hashtextextended(@name, 0))", new { name }, cancellationToken) : Task.CompletedTask;

    internal CommandDefinition Command(string sql, object? parameters, CancellationToken cancellationToken) =>
        new(sql, parameters, transaction, cancellationToken: cancellationToken);

    internal Task<int> ExecuteAsync(string sql, object? parameters, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(Command(sql, parameters, cancellationToken));

    /// <summary>A statement that is parsed once and run many times; dispose it.</summary>
    internal PreparedStatement Prepare(string sql, params string[] parameters)
    {
        var command = connection.CreateCommand();
        command.Transaction = transaction;
        return new PreparedStatement(command, sql, parameters);
    }
}
