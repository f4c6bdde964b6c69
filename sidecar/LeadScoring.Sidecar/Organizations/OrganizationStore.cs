using System.Text.RegularExpressions;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>Who the data belongs to. An organization is made with its first key.</summary>
internal sealed partial class OrganizationStore(Database database, ProfileStore profiles, AuditLog audit, TimeProvider time)
{
    internal const string IdRule = "An organization id has 1 to 64 characters: lower-case letters, digits, - and _, starting with a letter or digit.";

    [GeneratedRegex("^[a-z0-9][a-z0-9_-]{0,63}$", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    internal static partial Regex IdPattern { get; }

    /// <returns>True when the organization was made now, with the default profile as its version 1.</returns>
    /// <exception cref="ProblemException">The id breaks <see cref="IdRule"/>.</exception>
    internal Task<bool> EnsureAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (!IdPattern.IsMatch(organizationId)) throw ProblemException.Invalid("/organization_id", IdRule);
        const string Sql = "insert into organizations (organization_id, name, created_at_ms) values (@organizationId, @organizationId, @nowMs) on conflict do nothing";
        return database.WriteAsync(async transaction =>
        {
            if (await transaction.ExecuteAsync(Sql, new { organizationId, nowMs = time.NowMs() }, cancellationToken) == 0) return false;
            audit.Append(transaction, organizationId, AuditKind.OrganizationCreated);
            await profiles.AddAsync(transaction, organizationId, ProfileStore.Default, cancellationToken);
            return true;
        }, cancellationToken);
    }

    /// <summary>When the organization was made, Unix ms.</summary>
    internal async Task<long> CreatedAtMsAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select created_at_ms from organizations where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    internal async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        const string Sql = "select organization_id from organizations order by organization_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<string>(new CommandDefinition(Sql, cancellationToken: cancellationToken))];
    }
}
