using Dapper;
using LeadScoring.Sidecar.Api;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Storage;

internal static class StorageServices
{
    internal static IServiceCollection AddStorage(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<StorageOptions>().Bind(configuration.GetSection(StorageOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => Database.Open(provider.GetRequiredService<IOptions<StorageOptions>>()));
        services.AddSingleton<Migrator>();
        services.AddSingleton<SecretBox>();
        services.AddSingleton(provider => new ReadinessPart("database", async cancellationToken =>
        {
            await using var connection = await provider.GetRequiredService<Database>().OpenConnectionAsync(cancellationToken);
            await connection.ExecuteScalarAsync<long>(new CommandDefinition("select count(*) from schema_migrations", cancellationToken: cancellationToken));
            return null;
        }));
        return services;
    }
}
