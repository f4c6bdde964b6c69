using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Mailchimp;

/// <summary>Webhooks of audiences.</summary>
/// <remarks>
/// They are not signed unless the account asked for it: then the header X-Mailchimp-Signature holds a moment and HMAC-SHA256 of it and the raw body, and option SIGNINGSECRET checks it.
/// Else a secret in the address is all there is, so nothing that a request says is believed but whom to look at: every notice is a contact to fetch, a deletion as well.
/// Source: Mailchimp, "Sync Audience Data with Webhooks".
/// </remarks>
internal sealed class MailchimpWebhook(string? pathSecret, string? signingSecret, TimeProvider time)
{
    internal const string SecretParameter = "secret";
    private const string SignatureHeader = "X-Mailchimp-Signature";
    private const int ShortestSecret = 16;
    private static readonly TimeSpan LongestAge = TimeSpan.FromMinutes(5);

    internal InboundResult Read(InboundRequest request)
    {
        if (Refusal(request) is { } why) return InboundResult.Refused(why);
        // When a webhook is made, Mailchimp looks whether somebody is there.
        if (request.Method == "GET") return new InboundResult(null, []);
        var form = Form(Encoding.UTF8.GetString(request.Body.Span));
        if (form is null || !form.TryGetValue("type", out var type)) return InboundResult.Refused("the body is not a form of a webhook");
        if (form.GetValueOrDefault("data[list_id]") is not { Length: > 0 and <= 40 } list) return new InboundResult(null, []);
        string?[] addresses = type switch
        {
            "subscribe" or "unsubscribe" or "profile" or "cleaned" => [form.GetValueOrDefault("data[email]")],
            "upemail" => [form.GetValueOrDefault("data[old_email]"), form.GetValueOrDefault("data[new_email]")],
            _ => [],
        };
        var firedAt = form.GetValueOrDefault("fired_at") ?? "";
        return new InboundResult(null, [.. addresses.Where(a => !string.IsNullOrWhiteSpace(a)).Select(a => MailchimpMembers.Hash(a!))
            .Select(hash => new InboundChange($"{type}-{(firedAt.Length <= 30 ? firedAt : firedAt[..30])}-{list}-{hash}", InboundKind.ContactChanged, MailchimpMembers.Id(list, hash)))]);
    }

    private string? Refusal(InboundRequest request)
    {
        if (!string.IsNullOrWhiteSpace(signingSecret) && request.Method != "GET") return SignatureRefusal(request, signingSecret);
        if (pathSecret is not { Length: >= ShortestSecret }) return $"no secret of {ShortestSecret} characters or more is set";
        var given = Form(request.Uri.Query.TrimStart('?'))?.GetValueOrDefault(SecretParameter);
        if (string.IsNullOrEmpty(given)) return "no secret in the address";
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(pathSecret))) ? null : "the secret in the address is wrong";
    }

    private string? SignatureRefusal(InboundRequest request, string secret)
    {
        if (request.Headers(SignatureHeader) is not { Length: > 0 } header) return "no signature";
        var parts = header.Split(',', StringSplitOptions.TrimEntries);
        var moment = parts.FirstOrDefault(p => p.StartsWith("t=", StringComparison.Ordinal))?[2..];
        var signature = parts.FirstOrDefault(p => p.StartsWith("v1=", StringComparison.Ordinal))?[3..];
        if (signature is null || !long.TryParse(moment, NumberStyles.None, CultureInfo.InvariantCulture, out var sent)) return "no signature";
        if (Math.Abs(time.GetUtcNow().ToUnixTimeSeconds() - (double)sent) > LongestAge.TotalSeconds) return "the timestamp is too old or ahead";
        return WebhookHmac.IsHex(secret, signature, WebhookHmac.Bytes(moment + "."), request.Body) ? null : "the signature is wrong";
    }

    /// <summary>Names and values; null when a name is there twice, as then it could be read in two ways.</summary>
    private static Dictionary<string, string>? Form(string text)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            var name = WebUtility.UrlDecode(at < 0 ? pair : pair[..at]);
            // Interests of a profile repeat.
            if (!form.TryAdd(name, at < 0 ? "" : WebUtility.UrlDecode(pair[(at + 1)..])) && !name.EndsWith(']')) return null;
        }

        return form;
    }
}
