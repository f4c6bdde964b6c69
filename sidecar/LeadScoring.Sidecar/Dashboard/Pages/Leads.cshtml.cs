using System.Text.Json;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class LeadsModel : DashboardPage
{
    private const int Shown = 50;

    internal string? Q { get; private set; }

    internal string? Grade { get; private set; }

    internal string Open { get; private set; } = "open";

    internal string Order { get; private set; } = "-score";

    internal JsonElement List { get; private set; }

    public async Task OnGetAsync(string? q, string? grade, string? open, string? order, string? cursor)
    {
        (Q, Grade, Open, Order) = (string.IsNullOrWhiteSpace(q) ? null : q.Trim(), string.IsNullOrEmpty(grade) ? null : grade, open ?? "open", string.IsNullOrEmpty(order) ? "-score" : order);
        List = await GetAsync<JsonElement>("ListLeads", new { q = Q, grade = Grade, is_open = Open switch { "open" => true, "closed" => false, _ => (bool?)null }, order = Order, cursor, limit = Shown });
    }

    internal string Address(string? cursor = null) => Microsoft.AspNetCore.WebUtilities.QueryHelpers.AddQueryString("/dashboard/leads", new Dictionary<string, string?> { ["q"] = Q, ["grade"] = Grade, ["open"] = Open, ["order"] = Order, ["cursor"] = cursor });
}
