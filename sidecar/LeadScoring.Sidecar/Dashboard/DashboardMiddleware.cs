using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>Runs for everything below /dashboard: headers, and who is signed in. Pages of others than the sign-in send whoever is not to it.</summary>
internal sealed class DashboardMiddleware(RequestDelegate next, DashboardSession session)
{
    // No inline script or style, nothing from elsewhere, in no frame. What is saved as a file is a blob.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private static readonly PathString SignIn = DashboardEndpoints.Root + "/login";

    public async Task InvokeAsync(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        // As the framework's tokens ask for; set otherwise, it would warn at every page.
        headers.CacheControl = "no-cache, no-store";
        headers.Pragma = "no-cache";
        if (await session.FindAsync(http) is { } caller) caller.Enter(http);
        else if (http.Request.Path != SignIn)
        {
            var there = $"{DashboardEndpoints.Root}/login?next={Uri.EscapeDataString(http.Request.Path + http.Request.QueryString)}";
            if (http.Request.Headers.ContainsKey("HX-Request")) (http.Response.StatusCode, headers["HX-Redirect"], http.Response.ContentLength) = (401, there, 0);
            else http.Response.Redirect(there);
            return;
        }

        await next(http);
    }
}
