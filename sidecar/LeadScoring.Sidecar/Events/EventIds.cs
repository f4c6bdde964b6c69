using System.Security.Cryptography;
using System.Text;

namespace LeadScoring.Sidecar.Events;

/// <summary>
/// What is kept of an event's id for as long as its organization exists: 16 bytes, from which nobody reads who did what. On PostgreSQL, where events lie in a table a month,
/// event_ids is what makes an id unique; on SQLite it holds the ids of events that retention removed.
/// </summary>
internal static class EventIds
{
    /// <summary>First 16 bytes of SHA-256 of the id in UTF-8.</summary>
    internal static byte[] Hash(string eventId) => SHA256.HashData(Encoding.UTF8.GetBytes(eventId))[..16];

    /// <summary>Erasure of a lead's events. With events their ids go: what is sent of the lead again is new. A removed event's id says nothing of a lead, and stays.</summary>
    internal static string EraseSql(bool isPostgres) => isPostgres
        ? """
            with gone as (delete from events where organization_id = @organizationId and lead_id = @leadId returning event_id)
            delete from event_ids where organization_id = @organizationId and id_hash in (select substring(sha256(convert_to(event_id, 'UTF8')) from 1 for 16) from gone)
            """
        : "delete from events where organization_id = @organizationId and lead_id = @leadId";
}
