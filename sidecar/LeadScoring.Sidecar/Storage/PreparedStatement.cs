using System.Data.Common;

namespace LeadScoring.Sidecar.Storage;

/// <summary>One statement run for thousands of rows: Dapper's per-call work is half the cost there.</summary>
internal sealed class PreparedStatement : IDisposable
{
    private readonly DbCommand command;
    private readonly DbParameter[] parameters;

    internal PreparedStatement(DbCommand command, string sql, string[] names)
    {
        this.command = command;
        command.CommandText = sql;
        parameters = new DbParameter[names.Length];
        for (var i = 0; i < names.Length; i++)
        {
            parameters[i] = command.CreateParameter();
            parameters[i].ParameterName = "@" + names[i];
            command.Parameters.Add(parameters[i]);
        }
    }

    /// <summary>Sets a parameter by its position in the list of names.</summary>
    internal PreparedStatement Set(int index, object? value)
    {
        parameters[index].Value = value ?? DBNull.Value;
        return this;
    }

    /// <summary>Number of rows changed.</summary>
    internal Task<int> ExecuteAsync(CancellationToken cancellationToken) => command.ExecuteNonQueryAsync(cancellationToken);

    internal Task<DbDataReader> QueryAsync(CancellationToken cancellationToken) => command.ExecuteReaderAsync(cancellationToken);

    public void Dispose() => command.Dispose();
}
