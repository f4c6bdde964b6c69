using System.Data.Common;
using Dapper;

namespace LeadScoring.Sidecar.Storage;

/// <summary>An open write transaction. Several stores may take part in one; it ends with <see cref="Database.WriteAsync{T}"/>.</summary>
internal sealed class WriteTransaction(DbConnection connection, DbTransaction transaction)
{
    private readonly HashSet<(string OrganizationId, string? LeadId)> touched = [];

    internal DbConnection Connection => connection;

    /// <summary>Leads whose rows this transaction writes; null stands for any of the organization.</summary>
    internal IReadOnlySet<(string OrganizationId, string? LeadId)> Touched => touched;

    /// <summary>Says that the row of a lead is about to be written, or with null those of any leads of the organization: copies in memory end with this transaction.</summary>
    internal void Touch(string organizationId, string? leadId) => touched.Add((organizationId, leadId));

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
