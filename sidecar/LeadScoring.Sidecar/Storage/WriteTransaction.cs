using System.Data.Common;
using Dapper;

namespace LeadScoring.Sidecar.Storage;

/// <summary>An open write transaction. Several stores may take part in one; it ends with <see cref="Database.WriteAsync{T}"/>.</summary>
internal sealed class WriteTransaction(DbConnection connection, DbTransaction transaction)
{
    internal DbConnection Connection => connection;

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
