using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class LoginModel : PageModel
{
    internal string? Problem { get; private set; }

    internal string? Next { get; private set; }

    public void OnGet(string? next) => Next = next;

    public async Task<IActionResult> OnPostAsync(string? key, string? name, string? next)
    {
        Next = next;
        var services = HttpContext.RequestServices;
        Caller? caller;
        try
        {
            caller = await services.GetRequiredService<VerifyApiKey>()(key?.Trim() ?? "", HttpContext, HttpContext.RequestAborted) ?? throw new ProblemException(ProblemKind.Unauthorized, "This API key is unknown or was revoked.");
        }
        catch (ProblemException e) when (e.Kind.Status is 401 or 429)
        {
            (Problem, Response.StatusCode) = (e.Message, e.Kind.Status);
            return Page();
        }

        await services.GetRequiredService<AuditLog>().AppendAsync(
            services.GetRequiredService<Database>(), caller.OrganizationId, AuditKind.SignedIn, $"key {caller.KeyId}", new { caller.Scope }, HttpContext.RequestAborted, Actor.Of(caller.KeyId));

        services.GetRequiredService<DashboardSession>().SignIn(HttpContext, caller);
        if (!string.IsNullOrWhiteSpace(name)) Response.Cookies.Append("leadscoring_name", name.Trim(), new CookieOptions { Path = DashboardEndpoints.Root, SameSite = SameSiteMode.Lax, HttpOnly = true, MaxAge = TimeSpan.FromDays(365) });
        // Only to a page of ours: an address in a link must not lead elsewhere after the key was typed.
        return LocalRedirect(next is not null && Url.IsLocalUrl(next) && next.StartsWith(DashboardEndpoints.Root, StringComparison.Ordinal) ? next : DashboardEndpoints.Root);
    }

    public IActionResult OnPostOut()
    {
        DashboardSession.SignOut(HttpContext);
        return LocalRedirect(DashboardEndpoints.Root + "/login");
    }
}
