using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

/// <summary>
/// Appends to an organization's chain, in the transaction of the change that it tells of: both are there or neither. The row is written when everything else of the transaction is, so that whoever waits for the chain holds nothing
/// that those before him could wait for.
/// </summary>
internal sealed class AuditLog(SecretBox box, TimeProvider time)
{
    internal const string HeadPlace = "audit head";
    internal const string AnchorPlace = "audit anchor";

    /// <summary>What a lead's subject begins with; its reference follows.</summary>
    internal const string LeadSubject = "lead ";

    // Kept and hashed as text, never pasted into HTML.
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <param name="transaction">Of the change.</param>
    /// <param name="organizationId">Whose chain.</param>
    /// <param name="kind">One of <see cref="AuditKind"/>.</param>
    /// <param name="subject">What it was done to, such as "key 5f0c": an id that stands for no person.</param>
    /// <param name="detail">An object whose members are told too. Never a secret, never anything of a person.</param>
    /// <param name="actor">Who, where that is not who asks.</param>
    internal void Append(WriteTransaction transaction, string organizationId, string kind, string? subject = null, object? detail = null, string? actor = null)
    {
        var entry = Entry(kind, subject, detail, actor);
        transaction.AtEnd(cancellationToken => WriteAsync(transaction, organizationId, entry, cancellationToken));
    }

    /// <summary>The same for what writes nothing else, such as an export.</summary>
    internal Task AppendAsync(Database database, string organizationId, string kind, string? subject, object? detail, CancellationToken cancellationToken, string? actor = null) => database.WriteAsync(
        transaction =>
        {
            Append(transaction, organizationId, kind, subject, detail, actor);
            return Task.CompletedTask;
        },
        cancellationToken);

    /// <summary>The same about a lead: it is named by a reference that means nobody once the lead is erased.</summary>
    internal void AppendAboutLead(WriteTransaction transaction, string organizationId, string kind, string leadId, object? detail = null)
    {
        var entry = Entry(kind, null, detail, null);
        transaction.AtEnd(async cancellationToken =>
        {
            await LockAsync(transaction, organizationId, cancellationToken);
            var reference = await ReferenceAsync(transaction, organizationId, leadId, cancellationToken);
            await WriteAsync(transaction, organizationId, entry with { Subject = LeadSubject + reference }, cancellationToken);
        });
    }

    internal static Task LockAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) => transaction.LockAsync($"audit {organizationId}", cancellationToken);

    internal static Task<AuditMark?> HeadAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) =>
        transaction.Connection.QuerySingleOrDefaultAsync<AuditMark?>(transaction.Command($"select {AuditMark.Columns} from audit_heads where organization_id = @organizationId", new { organizationId }, cancellationToken));

    private AuditEntry Entry(string kind, string? subject, object? detail, string? actor) =>
        new() { AtMs = time.NowMs(), Kind = kind, Actor = actor ?? Actor.Now, Subject = subject, Detail = detail is null ? "{}" : JsonSerializer.Serialize(detail, Json) };

    private async Task WriteAsync(WriteTransaction transaction, string organizationId, AuditEntry entry, CancellationToken cancellationToken)
    {
        await LockAsync(transaction, organizationId, cancellationToken);
        var head = await HeadAsync(transaction, organizationId, cancellationToken);
        // What is wrong with the chain up to here stays to be seen, whatever is written after it.
        if (head?.Fault(box, HeadPlace, organizationId) is not null)
            head = await InsertAsync(transaction, organizationId, head, Entry(AuditKind.SealBroken, null, new { sequence = head.Sequence }, "service"), cancellationToken);
        await InsertAsync(transaction, organizationId, head, entry, cancellationToken);
    }

    private async Task<AuditMark> InsertAsync(WriteTransaction transaction, string organizationId, AuditMark? head, AuditEntry entry, CancellationToken cancellationToken)
    {
        const string Row = """
            insert into audit_log (organization_id, sequence, at_ms, kind, actor, subject, detail, previous_hash, hash)
            values (@organizationId, @Sequence, @AtMs, @Kind, @Actor, @Subject, @Detail, @PreviousHash, @Hash)
            """;
        const string Head = """
            insert into audit_heads (organization_id, sequence, hash, seal) values (@organizationId, @Sequence, @Hash, @Seal)
            on conflict (organization_id) do update set sequence = excluded.sequence, hash = excluded.hash, seal = excluded.seal
            """;
        var linked = entry with { Sequence = (head?.Sequence ?? 0) + 1, PreviousHash = head?.Hash ?? AuditEntry.Start };
        var row = linked with { Hash = linked.Digest(organizationId) };
        await transaction.ExecuteAsync(Row, new { organizationId, row.Sequence, row.AtMs, row.Kind, row.Actor, row.Subject, row.Detail, row.PreviousHash, row.Hash }, cancellationToken);
        var mark = AuditMark.Sealed(box, HeadPlace, organizationId, row.Sequence, row.Hash);
        await transaction.ExecuteAsync(Head, new { organizationId, mark.Sequence, mark.Hash, mark.Seal }, cancellationToken);
        return mark;
    }

    private static async Task<string> ReferenceAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Insert = "insert into audit_leads (organization_id, lead_id, lead_ref) values (@organizationId, @leadId, @fresh) on conflict do nothing";
        const string Select = "select lead_ref from audit_leads where organization_id = @organizationId and lead_id = @leadId";
        var fresh = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        await transaction.ExecuteAsync(Insert, new { organizationId, leadId, fresh }, cancellationToken);
        return (await transaction.Connection.ExecuteScalarAsync<string>(transaction.Command(Select, new { organizationId, leadId }, cancellationToken)))!;
    }
}
