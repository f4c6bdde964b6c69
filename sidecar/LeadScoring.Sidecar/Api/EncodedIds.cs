using Microsoft.AspNetCore.Http.Features;

namespace LeadScoring.Sidecar.Api;

/// <summary>Ids with a slash: the server leaves <c>%2F</c> of an address as it is, and cannot tell it from a <c>%252F</c> that it decoded. What was sent tells.</summary>
internal sealed class EncodedIds(RequestDelegate next)
{
    private const string Slash = "%2F";

    public Task InvokeAsync(HttpContext http)
    {
        if (!Holds(http.Request.Path.Value)) return next(http);
        foreach (var (name, value) in http.Request.RouteValues.ToArray())
        {
            if (value is string text && Holds(text)) http.Request.RouteValues[name] = AsSent(http, text);
        }

        return next(http);
    }

    private static bool Holds(string? text) => text?.Contains(Slash, StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>The part of the address that became this value, decoded to the end.</summary>
    private static string AsSent(HttpContext http, string value)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0];
        var sent = target.Split('/').FirstOrDefault(part => string.Equals(AsServed(part), value, StringComparison.OrdinalIgnoreCase));
        return sent is null ? value : Uri.UnescapeDataString(sent);
    }

    private static string AsServed(string part) => string.Join(Slash, part.Replace("%2f", Slash, StringComparison.Ordinal).Split(Slash).Select(Uri.UnescapeDataString));
}
