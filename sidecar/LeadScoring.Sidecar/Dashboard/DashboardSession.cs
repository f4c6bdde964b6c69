using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>Who is signed in: a sealed cookie that names the key it was made with. The key itself is not in it, and ends all sessions when it is revoked.</summary>
internal sealed class DashboardSession(SecretBox box, ApiKeyStore keys, TimeProvider time)
{
    internal const string Cookie = "leadscoring_session";
    private const string Place = "dashboard session";
    private static readonly TimeSpan Idle = TimeSpan.FromHours(12);
    private static readonly TimeSpan Renew = TimeSpan.FromMinutes(30);

    private sealed record Ticket(string OrganizationId, string KeyId, long AtMs);

    internal void SignIn(HttpContext http, Caller caller)
    {
        var ticket = JsonSerializer.SerializeToUtf8Bytes(new Ticket(caller.OrganizationId, caller.KeyId, time.NowMs()));
        // Lax: a link from the CRM finds its reader signed in; what changes something is a POST, and carries a token besides.
        http.Response.Cookies.Append(Cookie, Base64Url.EncodeToString(box.Seal(ticket, Place)), new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = http.Request.IsHttps, Path = DashboardEndpoints.Root, IsEssential = true });
    }

    internal static void SignOut(HttpContext http) => http.Response.Cookies.Delete(Cookie, new CookieOptions { Path = DashboardEndpoints.Root });

    /// <returns>Null when nobody is signed in, it was too long ago, or the key was revoked.</returns>
    internal async Task<Caller?> FindAsync(HttpContext http)
    {
        if (!http.Request.Cookies.TryGetValue(Cookie, out var text) || text.Length > 2_000 || !Base64Url.IsValid(text)) return null;
        Ticket? ticket;
        try
        {
            ticket = JsonSerializer.Deserialize<Ticket>(box.Open(Base64Url.DecodeFromChars(text), Place));
        }
        catch (StorageException)
        {
            // Sealed by an installation before this one, or not by us.
            return null;
        }

        var age = time.NowMs() - ticket!.AtMs;
        if (age > Idle.TotalMilliseconds || await keys.FindAsync(ticket.OrganizationId, ticket.KeyId, http.RequestAborted) is not { } caller) return null;
        if (age > Renew.TotalMilliseconds) SignIn(http, caller);
        return caller;
    }
}
