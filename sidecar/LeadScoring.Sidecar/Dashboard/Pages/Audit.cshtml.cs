using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class AuditModel : DashboardPage
{
    /// <summary>Families of kinds, as they are called on the page.</summary>
    internal static readonly (string Kind, string Name)[] Families =
    [
        ("", "everything"), ("key.", "keys"), ("access.", "refused access"), ("dashboard.", "sign-ins"), ("model.", "models"), ("experiment.", "experiments"), ("profile.", "profile"), ("grades.", "grades"), ("gates.", "gates"),
        ("sampling.", "sampling"), ("override.", "overrides"), ("lead.", "erasures"), ("webhook.", "webhooks"), ("data.", "exports"), ("backup.", "backups"), ("audit.", "the log itself"),
    ];

    internal JsonElement List { get; private set; }

    internal JsonElement? Verdict { get; private set; }

    internal string Kind { get; private set; } = "";

    internal string Who { get; private set; } = "";

    internal DateOnly? Since { get; private set; }

    internal DateOnly? Until { get; private set; }

    public async Task OnGetAsync(string? kind, string? who, DateOnly? since, DateOnly? until, string? cursor)
    {
        (Kind, Who, Since, Until) = (kind ?? "", who ?? "", since, until);
        if (!May(ApiScope.Admin)) return;
        List = await GetAsync<JsonElement>("ListAudit", new
        {
            kind = Kind.Length > 0 ? Kind : null, actor = Who.Length > 0 ? Who : null, since = Moment(since), until = Moment(until?.AddDays(1)), limit = 100, cursor,
        });
    }

    public async Task<IActionResult> OnPostVerifyAsync()
    {
        Verdict = await SendAsync<JsonElement>("VerifyAudit");
        await OnGetAsync(null, null, null, null, null);
        return Page();
    }

    /// <summary>The whole chain as a file.</summary>
    public async Task<IActionResult> OnGetExportAsync()
    {
        var bytes = await Api.ReadAsync(HttpContext, "ListAudit", new { format = "ndjson" });
        return File(bytes, "application/x-ndjson", "audit.ndjson");
    }

    private static string? Moment(DateOnly? day) => day is { } d ? d.ToString("O", System.Globalization.CultureInfo.InvariantCulture) + "T00:00:00Z" : null;

    /// <summary>Address of the next page with the same filter.</summary>
    internal string Next(string cursor) => "?" + string.Join('&', new[] { ("kind", Kind), ("who", Who), ("since", Since?.ToString("O", System.Globalization.CultureInfo.InvariantCulture) ?? ""), ("until", Until?.ToString("O", System.Globalization.CultureInfo.InvariantCulture) ?? ""), ("cursor", cursor) }
        .Where(p => p.Item2.Length > 0).Select(p => $"{p.Item1}={Uri.EscapeDataString(p.Item2)}"));

    /// <summary>The members of what is told, in words.</summary>
    internal static string Words(JsonElement detail) => string.Join(", ", detail.EnumerateObject().Select(m => $"{Show.Name(m.Name).ToLowerInvariant()} {(m.Value.ValueKind == JsonValueKind.String ? m.Value.GetString() : m.Value.GetRawText())}"));
}
