using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class IndexModel : DashboardPage
{
    private const int Shown = 15;

    internal sealed record Call(JsonElement Place, JsonElement Score);

    internal List<Call> Calls { get; } = [];

    internal JsonElement Changes { get; private set; }

    internal Dictionary<string, string> Titles { get; private set; } = [];

    internal JsonElement? Champion { get; private set; }

    internal int OpenReviews { get; private set; }

    internal JsonElement Drift { get; private set; }

    internal int Open => Changes.Part("grades")?.EnumerateObject().Sum(g => g.Value.GetInt32()) ?? 0;

    public async Task OnGetAsync()
    {
        Changes = await GetAsync<JsonElement>("GetGradeChanges", new { limit = 12 });
        foreach (var place in (await GetAsync<JsonElement>("GetCallQueue", new { limit = Shown })).List("leads"))
        {
            // One that was erased a moment ago has no score any more.
            if (await TryGetAsync<object>("GetLeadScore", new { leadId = place.Text("lead_id") }) is JsonElement score) Calls.Add(new Call(place, score));
        }

        Titles = await TitlesAsync([.. Calls.Select(c => c.Score.Text("lead_id")!), .. Changes.List("changes").Select(c => c.Text("lead_id")!)]);
        Champion = (await GetAsync<JsonElement>("ListModels")).List("models").Where(m => m.GetProperty("is_champion").GetBoolean()).Select(m => (JsonElement?)m).FirstOrDefault();
        OpenReviews = (await GetAsync<JsonElement>("ListReviews", new { limit = 100 })).List("reviews").Count();
        Drift = await GetAsync<JsonElement>("GetDrift");
    }

    internal static string Reasons(JsonElement score) =>
        string.Join(" · ", score.List("factors", "positive").Take(3).Select(f => f.Text("text")?.Split("; leads", 2)[0].Split(": leads", 2)[0]).Where(t => t is { Length: > 0 }));
}
