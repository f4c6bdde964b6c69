using System.Text.Json;
using Dapper;
using LeadScoring.Connectors.Http;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>OAuth tokens of accounts, sealed in the database: vendors rotate refresh tokens, and the one of the settings is good once.</summary>
internal sealed class ConnectorTokenStore(Database database, SecretBox box, TimeProvider time)
{
    internal ITokenStore For(string organizationId, string account) => new OfAccount(database, box, time, organizationId, account);

    private sealed class OfAccount(Database database, SecretBox box, TimeProvider time, string organizationId, string account) : ITokenStore
    {
        private string Place => $"connectors/{organizationId}/{account}";

        public async Task<StoredToken?> LoadAsync(CancellationToken cancellationToken)
        {
            const string Sql = "select token from connector_tokens where organization_id = @organizationId and connector = @account";
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            var kept = await connection.ExecuteScalarAsync<byte[]?>(new CommandDefinition(Sql, new { organizationId, account }, cancellationToken: cancellationToken));
            return kept is null ? null : JsonSerializer.Deserialize<StoredToken>(box.Open(kept, Place));
        }

        public Task SaveAsync(StoredToken token, CancellationToken cancellationToken)
        {
            const string Sql = """
                insert into connector_tokens (organization_id, connector, token, updated_at_ms) values (@organizationId, @account, @token, @nowMs)
                on conflict (organization_id, connector) do update set token = excluded.token, updated_at_ms = excluded.updated_at_ms
                """;
            var row = new { organizationId, account, token = box.Seal(JsonSerializer.SerializeToUtf8Bytes(token), Place), nowMs = time.NowMs() };
            return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, row, cancellationToken), cancellationToken);
        }
    }
}
