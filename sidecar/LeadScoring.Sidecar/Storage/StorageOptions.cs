using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Storage;

/// <summary>Where data is kept. Section <c>LeadScoring</c>, so the variables are LEADSCORING__DATA and LEADSCORING__DATABASE.</summary>
public sealed class StorageOptions
{
    public const string Section = "LeadScoring";

    /// <summary>Folder for the embedded database and temporary files. Default <c>./data</c>.</summary>
    [Required(AllowEmptyStrings = false)]
    public string Data { get; set; } = "./data";

    /// <summary>
    /// File path or SQLite connection string, default <c>leadscoring.db</c> in the data folder; or PostgreSQL (14 or newer) as <c>postgres://user:password@host/database</c> or
    /// <c>Host=...;Database=...;Username=...;Password=...</c>.
    /// </summary>
    public string? Database { get; set; }

    /// <summary>
    /// How hard a commit is. Default <c>full</c>: the log is synced before a write is acknowledged, so a power cut loses nothing.
    /// <c>normal</c>: survives the death of the process (kill -9) but not of the machine; several times faster for single events. On PostgreSQL: <c>synchronous_commit</c> on or off.
    /// </summary>
    [RegularExpression("(?i)full|normal")]
    public string Durability { get; set; } = "full";

    /// <summary>How long a write waits for another process's write; on PostgreSQL the longest time of one statement. Default 30 s; from 1 s to 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// File with the key that secrets in the database are sealed with: 32 random bytes in base64. Default <c>secrets.key</c> in the data folder, made when it is first needed.
    /// All replicas need the same one.
    /// </summary>
    public string? KeyFile { get; set; }

    /// <summary>
    /// On PostgreSQL: connections that answer a request are held to the rows of its organization by the database too. Default true. Behind a pooler that hands a connection to another client in between (PgBouncer in transaction mode) it must be
    /// false, and is with <c>Max Auto Prepare=0</c>.
    /// </summary>
    public bool RowSecurity { get; set; } = true;

    /// <summary>Redis for scores that replicas share, as host:port or a StackExchange.Redis configuration string. Blank: every process keeps its own. Nothing is lost with it.</summary>
    public string? Redis { get; set; }

    /// <summary>How long a request waits for Redis before it goes on without. Default 5 ms; from 1 ms to 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:01")]
    public TimeSpan RedisTimeout { get; set; } = TimeSpan.FromMilliseconds(5);
}
