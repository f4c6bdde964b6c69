using System.Data.Common;
using Npgsql;

namespace LeadScoring.Sidecar.Storage;

/// <summary>Reads a connection string or URL of PostgreSQL. Nothing of it comes into a message: it holds a password.</summary>
internal static class PostgresSetting
{
    private const string Name = "LEADSCORING__DATABASE";

    // Half of the server's usual 100 for one replica, so that a second one finds room.
    private const int PoolSize = 40;

    /// <summary>Whether the setting means PostgreSQL: a URL of it, or a connection string with a host.</summary>
    internal static bool Describes(string? setting) => setting is not null && (IsUrl(setting) || Pairs(setting) is { } pairs && (pairs.ContainsKey("Host") || pairs.ContainsKey("Server")));

    /// <exception cref="StorageException">It cannot be read.</exception>
    internal static NpgsqlConnectionStringBuilder Read(StorageOptions options)
    {
        // Connections are kept and statements prepared by themselves; whoever sits behind a pooler says "Max Auto Prepare=0".
        var builder = new NpgsqlConnectionStringBuilder
        {
            ApplicationName = "leadscoring", MaxPoolSize = PoolSize, MaxAutoPrepare = 200, AutoPrepareMinUsages = 2, Timeout = 5, CommandTimeout = (int)options.BusyTimeout.TotalSeconds, IncludeErrorDetail = false,
        };
        foreach (var (key, value) in IsUrl(options.Database!) ? FromUrl(options.Database!) : FromPairs(options.Database!)) Set(builder, key, value);
        if (string.IsNullOrEmpty(builder.Database)) throw new StorageException($"{Name}: name the database, as in postgres://user@host/leadscoring or Database=leadscoring.");
        builder.PersistSecurityInfo = false;
        // Whose rows a connection sees is said when that changes, and not each time that it comes out of the pool: nothing else is ever set on one.
        if (IsWalled(options, builder)) builder.NoResetOnClose = true;
        if (options.Durability.Equals("normal", StringComparison.OrdinalIgnoreCase)) builder.Options = $"{builder.Options} -c synchronous_commit=off".TrimStart();
        return builder;
    }

    /// <summary>Whether connections are held to the rows of an organization.</summary>
    internal static bool IsWalled(StorageOptions options, NpgsqlConnectionStringBuilder builder) => options.RowSecurity && builder.MaxAutoPrepare > 0;

    private static bool IsUrl(string setting) =>
        setting.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) || setting.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    private static void Set(NpgsqlConnectionStringBuilder builder, string key, string? value)
    {
        try
        {
            builder[key] = value;
        }
        catch (Exception e) when (e is ArgumentException or KeyNotFoundException or FormatException or InvalidCastException or OverflowException)
        {
            throw new StorageException($"{Name}: {key} is not known or cannot have this value. Npgsql's documentation lists the parameters of a connection string.");
        }
    }

    private static Dictionary<string, string>? Pairs(string setting)
    {
        try
        {
            var builder = new DbConnectionStringBuilder { ConnectionString = setting };
            return builder.Keys.Cast<string>().ToDictionary(k => k, k => builder[k].ToString() ?? "", StringComparer.OrdinalIgnoreCase);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> FromPairs(string setting) => Pairs(setting)!;

    private static IEnumerable<KeyValuePair<string, string>> FromUrl(string setting)
    {
        if (!Uri.TryCreate(setting, UriKind.Absolute, out var url) || url.Host.Length == 0)
            throw new StorageException($"{Name}: the address cannot be read. It is postgres://user:password@host:5432/database; characters such as @ : / # in a password are written as %40 %3A %2F %23.");
        yield return new("Host", url.IdnHost);
        if (url.Port > 0) yield return new("Port", url.Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (Uri.UnescapeDataString(url.AbsolutePath.TrimStart('/')) is { Length: > 0 } database) yield return new("Database", database);
        var who = url.UserInfo.Split(':', 2);
        if (who[0].Length > 0) yield return new("Username", Uri.UnescapeDataString(who[0]));
        if (who.Length == 2) yield return new("Password", Uri.UnescapeDataString(who[1]));
        foreach (var part in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var pair = part.Split('=', 2);
            // libpq writes sslmode=verify-full and application_name, Npgsql VerifyFull and Application Name.
            var value = Uri.UnescapeDataString(pair.Length == 2 ? pair[1] : "");
            var key = Uri.UnescapeDataString(pair[0]);
            yield return key.ToLowerInvariant() switch
            {
                "sslmode" => new("SSL Mode", value.Replace("-", "", StringComparison.Ordinal)),
                "connect_timeout" => new("Timeout", value),
                "sslrootcert" => new("Root Certificate", value),
                "host" => new("Host", value),
                _ => new(key.Replace('_', ' '), value),
            };
        }
    }
}
