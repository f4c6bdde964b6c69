using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LeadScoring.Connectors.Http;

/// <summary>Cursors as they are stored.</summary>
internal static class StoredCursor
{
    /// <exception cref="ConnectorException">It is not one of this connector's.</exception>
    internal static T? Read<T>(string account, string? cursor, JsonTypeInfo<T> type)
        where T : class
    {
        if (cursor is null) return null;
        try
        {
            return JsonSerializer.Deserialize(cursor, type);
        }
        catch (JsonException e)
        {
            throw new ConnectorException(account, ConnectorFailure.Misconfigured, "the stored cursor cannot be read", e);
        }
    }
}
