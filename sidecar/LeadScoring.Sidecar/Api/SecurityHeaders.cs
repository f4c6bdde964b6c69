namespace LeadScoring.Sidecar.Api;

/// <summary>What every answer tells a browser that gets hold of it: show it in no frame, run nothing in it, take it for nothing else, keep no copy. Pages say their own instead.</summary>
internal static class SecurityHeaders
{
    internal static void Set(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
    }
}
