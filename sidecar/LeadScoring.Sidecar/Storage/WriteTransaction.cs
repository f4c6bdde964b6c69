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
    private readonly HashSet<(string OrganizationId, string? LeadId)> touched = [];

    private List<Func<CancellationToken, Task>>? atEnd;

    internal DbConnection Connection => connection;

    /// <summary>Leads whose rows this transaction writes; null stands for any of the organization.</summary>
    internal IReadOnlySet<(string OrganizationId, string? LeadId)> Touched => touched;

    /// <summary>Says that the row of a lead is about to be written, or with null those of any leads of the organization: copies in memory end with this transaction.</summary>
    internal void Touch(string organizationId, string? leadId) => touched.Add((organizationId, leadId));

    /// <summary>What is written last, when all else of the transaction is: it may wait for a lock that others hold to their end, since nobody waits for it there.</summary>
    internal void AtEnd(Func<CancellationToken, Task> write) => (atEnd ??= []).Add(write);

    /// <summary>Writes it. Nothing of the request's cancellation: it would undo what is done.</summary>
    internal async Task EndAsync()
    {
        for (var i = 0; i < atEnd?.Count; i++) await atEnd[i](CancellationToken.None);
    }

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
