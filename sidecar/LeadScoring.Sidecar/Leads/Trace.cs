using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Something that tells who a lead is.</summary>
/// <param name="Kind">lead, record or email.</param>
/// <param name="Text">The lead's id; account and record id; the hash of an address.</param>
internal readonly record struct Trace(string Kind, string Text)
{
    private const string OfLead = "lead", OfRecord = "record", OfEmail = "email";

    // The attributes that hold the person's own address. Others may hold that of a colleague who sells to many.
    private static readonly string[] EmailAttributes = ["email", "e_mail", "email_address", "Email", "E-mail", "Email Address"];

    internal bool IsLead => Kind == OfLead;

    internal bool IsRecord => Kind == OfRecord;

    internal bool IsEmail => Kind == OfEmail;

    internal static Trace Lead(string leadId) => new(OfLead, leadId);

    /// <summary>A record of an account of a connector.</summary>
    internal static Trace Record(string connector, string recordId) => new(OfRecord, $"{connector}\n{recordId}");

    internal static Trace EmailHash(string hash) => new(OfEmail, hash);

    internal static string HashOfEmail(string email) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(email.Trim().ToLowerInvariant())));

    /// <summary>Who is written of: the id, and the person's address where the attributes have one.</summary>
    internal static IEnumerable<Trace> Of(LeadWrite write)
    {
        yield return Lead(write.LeadId);
        foreach (var name in EmailAttributes)
        {
            if (write.Attributes.TryGetValue(name, out var json) && json is not null && json.Contains('@') && json.StartsWith('"') && JsonSerializer.Deserialize<string>(json) is { } email) yield return EmailHash(HashOfEmail(email));
        }
    }

    /// <summary>The same of attributes as they are stored.</summary>
    internal static IEnumerable<Trace> Of(string leadId, string attributes)
    {
        using var stored = JsonDocument.Parse(attributes);
        var emails = EmailAttributes.Where(n => stored.RootElement.TryGetProperty(n, out var v) && v.ValueKind == JsonValueKind.String && v.GetString()!.Contains('@'))
            .Select(n => EmailHash(HashOfEmail(stored.RootElement.GetProperty(n).GetString()!)));
        return [Lead(leadId), .. emails];
    }
}
