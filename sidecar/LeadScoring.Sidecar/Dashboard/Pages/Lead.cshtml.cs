using System.Globalization;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class LeadModel : DashboardPage
{
    private const int MostEvents = 40;
    private const int MostSliders = 8;

    /// <summary>A feature that the team can influence, with the range that a slider runs over.</summary>
    internal sealed record Slider(string Feature, string Label, double Value, double Most, double Step);

    internal string Id { get; private set; } = "";

    internal JsonElement Lead { get; private set; }

    internal JsonElement Score { get; private set; }

    internal JsonElement Ledger { get; private set; }

    internal JsonElement Events { get; private set; }

    internal JsonElement Actions { get; private set; }

    internal JsonElement? WhatIf { get; private set; }

    internal List<Slider> Sliders { get; } = [];

    internal IReadOnlyList<ActionDefinition> Catalogue { get; private set; } = [];

    public async Task OnGetAsync(string id)
    {
        Id = id;
        Lead = await GetAsync<JsonElement>("GetLead", new { leadId = id });
        Score = await GetAsync<JsonElement>("GetLeadScore", new { leadId = id });
        Ledger = await GetAsync<JsonElement>("ListLeadScores", new { leadId = id, limit = 200 });
        Events = await GetAsync<JsonElement>("ListLeadEvents", new { leadId = id, limit = MostEvents });
        Actions = await GetAsync<JsonElement>("ListActions", new { leadId = id });
        var profile = (await HttpContext.RequestServices.GetRequiredService<ProfileStore>().GetActiveAsync(Caller.OrganizationId, HttpContext.RequestAborted)).Profile;
        Catalogue = profile.Actions;
        var values = Factors().ToDictionary(f => f.Text("feature")!, f => f.At("value"));
        foreach (var feature in profile.Features.Where(f => f.Actionable && f.Kind == FeatureKind.Numeric).Take(MostSliders))
        {
            var value = values.GetValueOrDefault(feature.Name) ?? 0;
            // A browser moves a value that lies between two steps, and the lead would seem changed before anybody touched it.
            var step = value == Math.Floor(value) ? 1 : 0.01;
            Sliders.Add(new Slider(feature.Name, feature.Label, value, value is > 0 and < 1 ? 1 : Math.Max(10, Math.Ceiling(value * 2)), step));
        }
    }

    /// <summary>Sliders moved: what the score would be. Nothing is stored.</summary>
    public async Task<IActionResult> OnPostWhatIfAsync(string id)
    {
        var features = new Dictionary<string, double>();
        foreach (var (name, text) in Request.Form.Where(f => f.Key.StartsWith("f.", StringComparison.Ordinal)))
        {
            // Only what was moved: a value that is unknown now stays unknown.
            if (double.TryParse(text, CultureInfo.InvariantCulture, out var value) && text != Request.Form["was." + name[2..]]) features[name[2..]] = value;
        }

        WhatIf = await SendAsync<JsonElement>("WhatIf", new { leadId = id }, new { features });
        return Partial("_WhatIf", WhatIf.Value);
    }

    public async Task<IActionResult> OnPostFeedbackAsync(string id, string verdict, string? reason)
    {
        await SendAsync<JsonElement>("PostFeedback", null, new { lead_id = id, verdict, reason = Blank(reason), by = By });
        return Done($"Thank you: \"{verdict}\" is recorded, and held against what becomes of the lead.");
    }

    public async Task<IActionResult> OnPostOverrideAsync(string id, string grade, string reason, int? days)
    {
        await SendAsync<JsonElement>("PutOverride", new { leadId = id }, new { grade, reason = reason?.Trim(), by = By, until = days is { } d ? Now.AddDays(d) : (DateTimeOffset?)null });
        return Done($"Grade {grade} stands beside the machine's, with your reason.");
    }

    public async Task<IActionResult> OnPostRemoveOverrideAsync(string id)
    {
        await SendAsync<JsonElement>("DeleteOverride", new { leadId = id, by = By });
        return Done("The override is gone; the machine's grade holds.");
    }

    public async Task<IActionResult> OnPostActionAsync(string id, string actionId, string channel, string? result)
    {
        await SendAsync<JsonElement>("PostActions", new { leadId = id }, new { action_id = actionId, channel, result = Blank(result) });
        return Done("The action is recorded.");
    }

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    internal IEnumerable<JsonElement> Factors() => Score.List("factors", "positive").Concat(Score.List("factors", "negative"));

    internal Chart Waterfall()
    {
        const int Most = 10;
        var factors = Factors().Select(f => (Label: f.Text("label")!, Points: f.At("points") ?? 0)).Where(f => f.Points != 0).OrderByDescending(f => Math.Abs(f.Points)).ToArray();
        var rest = factors.Skip(Most).Sum(f => f.Points);
        List<(string Label, double Points)> steps = [("Average lead", Score.At("factors", "base") ?? 0), .. factors.Take(Most).OrderByDescending(f => f.Points)];
        if (factors.Length > Most) steps.Add(($"{factors.Length - Most} others", Math.Round(rest, 3)));
        steps.Add(("Score", Score.At("score") ?? 0));
        return new Chart("What makes the score", "waterfall")
        {
            About = "From the average lead's points to this lead's score; blue raises, red lowers.", XName = "Factor", Labels = [.. steps.Select(s => s.Label)],
            Series = [new Chart.Line("Points", [.. steps.Select(s => (double?)s.Points)])], Size = "tall",
        };
    }

    internal Chart History()
    {
        var rows = Ledger.List("scores").Reverse().ToArray();
        return new Chart("Score over time", "line")
        {
            About = "Every change of the score; the list below says what caused it.", XName = "Scored", Labels = [.. rows.Select(r => Show.Moment(r.GetProperty("scored_at").GetDateTimeOffset()))], YMin = 0, YMax = 100,
            Series = [new Chart.Line("Score", [.. rows.Select(r => r.At("score"))], Step: true)],
        };
    }
}
