using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>Rows of a store that an erasure removed or changed.</summary>
public sealed record ErasedStore(string Store, int Rows);

/// <summary>What an erasure did, as it is signed. It tells of nobody in clear.</summary>
/// <param name="Kind">erasure; anonymization when something without the person was kept, or could have been.</param>
/// <param name="RequestedBy">Id of the API key, or the connector that passed the wish on.</param>
/// <param name="Subject">Whom: HMAC-SHA256 of the lead's id under a key of the organization, in hex. Whoever has the id and the database can check it, nobody else can turn it back.</param>
/// <param name="Leads">Leads that were the person; more than one where records had been merged.</param>
/// <param name="Tombstones">Ids, records and addresses that are refused from now on.</param>
/// <param name="LearnedVersions">Model versions that learned from the person; GET /v1/erasures/{erasure_id} says which of them are still in use.</param>
/// <param name="UnknownVersions">Versions of which nobody knows what they learned from: imported ones.</param>
/// <param name="TrainingRunsUnderWay">Runs that may have read the person before; what they make joins the versions of this erasure.</param>
/// <param name="AnonymousRows">Rows without the person that stay for training and business figures; absent when none was asked for.</param>
public sealed record ErasureReceipt(
    string ErasureId, string Kind, string OrganizationId, DateTimeOffset ErasedAt, string RequestedBy, string Subject, int Leads, IReadOnlyList<ErasedStore> Stores, int Tombstones,
    IReadOnlyList<int> LearnedVersions, IReadOnlyList<int> UnknownVersions, IReadOnlyList<string> TrainingRunsUnderWay, int? AnonymousRows = null);

/// <summary>Who signed, and how to check it.</summary>
/// <param name="Algorithm">ES256: ECDSA on P-256 with SHA-256, over the receipt with its names in ordinal order and no white space.</param>
/// <param name="KeyId">SHA-256 of the public key, in hex.</param>
/// <param name="PublicKey">SubjectPublicKeyInfo in base64.</param>
public sealed record ReceiptSignature(string Algorithm, string KeyId, string PublicKey, string Value);

/// <summary>A receipt and its signature. It stays valid however the JSON is laid out.</summary>
public sealed record SignedReceipt(JsonElement Receipt, ReceiptSignature Signature)
{
    internal static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, WriteIndented = false };

    private const string Es256 = "ES256";

    internal static SignedReceipt Sign(ErasureReceipt receipt, PrivacyKeys keys)
    {
        var json = JsonSerializer.SerializeToElement(receipt, Json);
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(keys.Signing, out _);
        return new SignedReceipt(json, new ReceiptSignature(Es256, KeyIdOf(keys.Public), Convert.ToBase64String(keys.Public), Convert.ToBase64String(key.SignData(Canonical(json), HashAlgorithmName.SHA256))));
    }

    internal static string KeyIdOf(byte[] publicKey) => Convert.ToHexStringLower(SHA256.HashData(publicKey));

    /// <summary>Reads what was answered or stored.</summary>
    /// <exception cref="JsonException">It is no receipt.</exception>
    internal static SignedReceipt Read(string json)
    {
        var signed = JsonSerializer.Deserialize<SignedReceipt>(json, Json);
        return signed is { Receipt.ValueKind: JsonValueKind.Object, Signature: { Algorithm: Es256, PublicKey: not null, Value: not null } } ? signed : throw new JsonException("No receipt with an ES256 signature.");
    }

    internal ErasureReceipt Content => Receipt.Deserialize<ErasureReceipt>(Json) ?? throw new JsonException("No receipt.");

    /// <summary>Whether the receipt is what was signed with the public key.</summary>
    internal bool IsSignedBy(byte[] publicKey)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(publicKey, out _);
            return key.VerifyData(Canonical(Receipt), Convert.FromBase64String(Signature.Value), HashAlgorithmName.SHA256);
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            return false;
        }
    }

    private static byte[] Canonical(JsonElement json)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes)) Write(writer, json);
        return bytes.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in json.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(member.Name);
                    Write(writer, member.Value);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in json.EnumerateArray()) Write(writer, item);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                // As text, whatever was escaped.
                writer.WriteStringValue(json.GetString());
                break;
            default:
                json.WriteTo(writer);
                break;
        }
    }
}
