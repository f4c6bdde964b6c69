using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class BusinessModel : DashboardPage
{
    internal int Days { get; private set; } = 365;

    internal double Capacity { get; private set; } = 0.2;

    internal JsonElement Business { get; private set; }

    internal JsonElement Impact { get; private set; }

    public void OnGet(int? days, int? capacity) => Read(days, capacity);

    /// <summary>The figures: of large organizations they may have to be worked out first, and the page does not wait for that.</summary>
    public async Task<IActionResult> OnGetFiguresAsync(int? days, int? capacity)
    {
        Read(days, capacity);
        Business = await GetAsync<JsonElement>("GetBusiness", new { days = Days, capacity = Capacity });
        Impact = await GetAsync<JsonElement>("GetImpact", new { days = Days, capacity = Capacity });
        return Partial("_Business", this);
    }

    private void Read(int? days, int? capacity)
    {
        (Days, Capacity) = (days ?? 365, (capacity ?? 20) / 100.0);
        if (Days is < 1 or > 3_650) throw ProblemException.Invalid("?days", "Look back 1 to 3,650 days.");
        if (Capacity is < 0.01 or > 0.99) throw ProblemException.Invalid("?capacity", "The team's capacity is 1 to 99 % of the leads.");
    }

    internal Chart Grades(string title, string about, string part, string unit, string inner = "value") => new(title, "bar")
    {
        About = about, XName = "Grade", Unit = unit, YMin = 0, Labels = [.. Business.List("grades").Select(g => g.Text("name")!)], Series = [new Chart.Line(title, [.. Business.List("grades").Select(g => g.At(part, inner))])],
    };
}
