using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class ReviewModel : DashboardPage
{
    private const int Shown = 50;

    internal string Status { get; private set; } = "open";

    internal JsonElement[] Reviews { get; private set; } = [];

    internal Dictionary<string, string> Titles { get; private set; } = [];

    internal bool HasMore { get; private set; }

    /// <summary>The lead's score of now, for the review in front.</summary>
    internal JsonElement? Score { get; private set; }

    public async Task OnGetAsync(string? status)
    {
        Status = status == "done" ? "done" : "open";
        var list = await GetAsync<JsonElement>("ListReviews", new { status = Status, limit = Shown });
        (Reviews, HasMore) = ([.. list.List("reviews")], list.Text("next_cursor") is not null);
        Titles = await TitlesAsync(Reviews.Select(r => r.Text("lead_id")!));
        if (Status == "open" && Reviews.Length > 0 && await TryGetAsync<object>("GetLeadScore", new { leadId = Reviews[0].Text("lead_id") }) is JsonElement score) Score = score;
    }

    public async Task<IActionResult> OnPostAsync(string reviewId, string verdict, string? comment)
    {
        var review = await SendAsync<JsonElement>("PostReview", new { reviewId }, new { verdict, by = By, comment = string.IsNullOrWhiteSpace(comment) ? null : comment.Trim() });
        return Done($"{review.Text("lead_id")}: {Show.Name(verdict).ToLowerInvariant()}.");
    }
}
