using System.Net;
using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Dashboard;

/// <summary>What a browser does, without one: cookies, tokens of forms, no redirect followed by itself.</summary>
internal sealed partial class DashboardBrowser(HttpClient client)
{
    private readonly Dictionary<string, string> cookies = [];

    internal IReadOnlyDictionary<string, string> Cookies => cookies;

    internal async Task<(HttpResponseMessage Response, string Html)> GetAsync(string path) => await SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    /// <summary>Posts a form with the token of the page that it is on.</summary>
    internal async Task<(HttpResponseMessage Response, string Html)> PostAsync(string page, string action, params (string Name, string Value)[] fields)
    {
        var (_, html) = await GetAsync(page);
        return await PostBareAsync(action, [.. fields, ("__RequestVerificationToken", Token.Match(html).Groups[1].Value)]);
    }

    internal Task<(HttpResponseMessage Response, string Html)> PostBareAsync(string action, params (string Name, string Value)[] fields) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, action) { Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value))) });

    internal Task<(HttpResponseMessage Response, string Html)> SignInAsync(string key, string? next = null) =>
        PostAsync("/dashboard/login", "/dashboard/login", [("key", key), .. next is null ? [] : new[] { ("next", next) }]);

    internal static async Task<DashboardBrowser> SignedInAsync(SidecarFactory sidecar, string key)
    {
        var browser = new DashboardBrowser(sidecar.Anonymous());
        var (response, _) = await browser.SignInAsync(key);
        Assert.Equal(HttpStatusCode.Found, response.StatusCode);
        return browser;
    }

    private async Task<(HttpResponseMessage Response, string Html)> SendAsync(HttpRequestMessage request)
    {
        if (cookies.Count > 0) request.Headers.Add("Cookie", string.Join("; ", cookies.Select(c => $"{c.Key}={c.Value}")));
        var response = await client.SendAsync(request);
        if (response.Headers.TryGetValues("Set-Cookie", out var set))
        {
            foreach (var cookie in set)
            {
                var pair = cookie.Split(';')[0].Split('=', 2);
                if (pair[1].Length == 0) cookies.Remove(pair[0]);
                else cookies[pair[0]] = pair[1];
            }
        }

        return (response, await response.Content.ReadAsStringAsync());
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" type=\"hidden\" value=\"([^\"]+)\"")]
    private static partial Regex Token { get; }
}
