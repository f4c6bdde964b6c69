using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>A page of somebody who is signed in.</summary>
public abstract class DashboardPage : PageModel
{
    internal const string ProblemMessage = "problem";
    internal const string DoneMessage = "done";

    internal OwnApi Api => HttpContext.RequestServices.GetRequiredService<OwnApi>();

    internal DateTimeOffset Now => HttpContext.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();

    internal Caller Caller => Caller.Of(HttpContext);

    /// <summary>Who says so, where the API asks for a person: what they call themselves, else the key.</summary>
    internal string By => Request.Cookies.TryGetValue("leadscoring_name", out var name) && name is { Length: > 0 and <= 100 } ? name : $"key {Caller.KeyId}";

    internal bool May(ApiScope scope) => Caller.Scope >= scope;

    internal bool IsFragment => Request.Headers.ContainsKey("HX-Request");

    internal Task<T> GetAsync<T>(string route, object? values = null) => Api.CallAsync<T>(HttpContext, route, values);

    internal Task<T> SendAsync<T>(string route, object? values = null, object? body = null) => Api.CallAsync<T>(HttpContext, route, values, body);

    /// <summary>Where there may be nothing yet.</summary>
    internal async Task<T?> TryGetAsync<T>(string route, object? values = null) where T : class
    {
        try
        {
            return await GetAsync<T>(route, values);
        }
        catch (ProblemException e) when (e.Kind.Status is 404 or 409)
        {
            return null;
        }
    }

    /// <summary>What people call these leads; of one without a name its id.</summary>
    internal async Task<Dictionary<string, string>> TitlesAsync(IEnumerable<string> leadIds)
    {
        var titles = new Dictionary<string, string>();
        foreach (var leadId in leadIds.Distinct())
            titles[leadId] = await TryGetAsync<GetLead.Response>("GetLead", new { leadId }) is { } lead && Show.Title(lead.Attributes) is { } title ? title : leadId;
        return titles;
    }

    /// <summary>Back to the page, with what was done in words.</summary>
    internal LocalRedirectResult Done(string words, string? path = null)
    {
        TempData[DoneMessage] = words;
        return LocalRedirect(path ?? Request.Path.Value!);
    }
}
