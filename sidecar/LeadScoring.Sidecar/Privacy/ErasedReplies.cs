using System.Text;
using System.Text.Encodings.Web;
using Dapper;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>
/// Erasure from the requests that are kept for a day under their Idempotency-Key. A key that names the lead goes; an answer that does is dropped, and a retry is told that its answer is lost: it is not done a second time.
/// </summary>
internal static class ErasedReplies
{
    private sealed record Row
    {
        public string Key { get; init; } = "";
        public byte[]? Reply { get; init; }
    }

    internal static async Task<int> EraseAsync(WriteTransaction transaction, ErasedPerson person, CancellationToken cancellationToken)
    {
        const string Drop = "update idempotency_keys set reply = null, headers = null where organization_id = @OrganizationId and idempotency_key = @Key";
        const string Delete = "delete from idempotency_keys where organization_id = @OrganizationId and idempotency_key = @Key";
        // Sealed answers hold secrets, which are of no lead.
        var sql = transaction.IsPostgres
            ? "select idempotency_key as Key, reply as Reply from idempotency_keys where organization_id = @OrganizationId and is_sealed = 0 and (position(@id in idempotency_key) > 0 or position(@plain in reply) > 0 or position(@escaped in reply) > 0)"
            : "select idempotency_key as Key, reply as Reply from idempotency_keys where organization_id = @OrganizationId and is_sealed = 0 and (instr(idempotency_key, @id) > 0 or instr(reply, @plain) > 0 or instr(reply, @escaped) > 0)";
        var rows = 0;
        foreach (var leadId in person.LeadIds)
        {
            var escaped = JavaScriptEncoder.Default.Encode(leadId);
            var parameters = new { person.OrganizationId, id = leadId, plain = Encoding.UTF8.GetBytes(leadId), escaped = Encoding.UTF8.GetBytes(escaped) };
            foreach (var row in (await transaction.Connection.QueryAsync<Row>(transaction.Command(sql, parameters, cancellationToken))).AsList())
            {
                var reply = row.Reply is null ? "" : Encoding.UTF8.GetString(row.Reply);
                if (Names(row.Key, leadId)) rows += await transaction.ExecuteAsync(Delete, new { person.OrganizationId, row.Key }, cancellationToken);
                else if (Names(reply, leadId) || Names(reply, escaped)) rows += await transaction.ExecuteAsync(Drop, new { person.OrganizationId, row.Key }, cancellationToken);
            }
        }

        return rows;
    }

    /// <summary>Whether the text holds the id by itself: 12 is not in 2012.</summary>
    internal static bool Names(string text, string id)
    {
        for (var at = text.IndexOf(id, StringComparison.Ordinal); at >= 0; at = text.IndexOf(id, at + 1, StringComparison.Ordinal))
        {
            var end = at + id.Length;
            if ((at == 0 || !char.IsLetterOrDigit(text[at - 1])) && (end == text.Length || !char.IsLetterOrDigit(text[end]))) return true;
        }

        return false;
    }
}
