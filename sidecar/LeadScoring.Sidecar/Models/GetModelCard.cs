using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Models;

/// <summary>The model card as a page. Every text in it is encoded: names of features and levels come from people's data.</summary>
internal static class GetModelCard
{
    internal static async Task<ContentHttpResult> HandleAsync(int version, Caller caller, HttpResponse response, ModelStore store, CancellationToken cancellationToken)
    {
        var row = await store.GetAsync(caller.OrganizationId, version, cancellationToken);
        if (row.ReadCard() is not { } card)
            throw new ProblemException(ProblemKind.NotFound, $"Version {version} has no card: it was imported, or trained before there were cards. Its manifest says what is known: GET /v1/models/{version}.");
        // Nothing but this text and its style: no script runs here, whatever a name holds.
        response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
        response.Headers.XContentTypeOptions = "nosniff";
        return TypedResults.Content(Page(row, row.ReadManifest(), card), "text/html; charset=utf-8");
    }

    private static string Page(ModelRow row, BundleManifest manifest, ModelCard card)
    {
        var lineage = ModelLineage.Of(row, manifest);
        var page = new StringBuilder($"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Model {row.Version}</title><style>body{{font:16px sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}table{{border-collapse:collapse;width:100%}}td,th{{border-bottom:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top}}.block{{color:#a00;font-weight:bold}}.warn{{color:#850}}.pass{{color:#060}}</style></head><body>");
        page.Append(CultureInfo.InvariantCulture, $"<h1>Model {row.Version}</h1><p>{Text(card.Use)}</p><p><strong>{(card.IsPromoted ? "Promoted" : "Not promoted")}</strong> on {Text(MomentConverter.Text(card.JudgedAt))}: {Text(card.Decision)}</p><p>{Text(card.Comparison)}</p>");
        Table(page, "Gates", ["gate", "verdict", "value", "95 % interval", "threshold", "in words"], card.Gates.Select(g => (string[])[g.Name, Verdict(g.Verdict), Number(g.Value), Of(g.Interval), Number(g.Threshold), g.Reason]));
        Table(page, "Where it comes from", ["", ""],
        [
            ["data window", $"{Day(lineage.WindowFrom)} to {Day(lineage.WindowTo)}"], ["rows", string.Create(CultureInfo.InvariantCulture, $"{lineage.TrainRows:N0} trained on, {lineage.TestRows:N0} held back")],
            ["profile", $"{lineage.Profile} ({lineage.ProfileHash})"], ["parameters", lineage.ParametersHash], ["seed", lineage.Seed.ToString(CultureInfo.InvariantCulture)], ["code version", lineage.CodeVersion ?? "unknown"],
            ["training run", lineage.TrainingRun ?? "none"], ["champion then", lineage.ChampionThen?.ToString(CultureInfo.InvariantCulture) ?? "none"],
        ]);
        if (manifest.Evaluation is { } evaluation)
        {
            Table(page, "Metrics on leads that it has not seen", ["metric", "random share", "95 % interval", "forward in time", "95 % interval"], evaluation.Stratified.Intervals.Keys.Select(name => (string[])
            [
                name, Number(Value(evaluation.Stratified, name)), Of(evaluation.Stratified.Intervals[name]),
                evaluation.Forward is { } f ? Number(Value(f, name)) : evaluation.WhyNoForward ?? "", evaluation.Forward is { } g ? Of(g.Intervals[name]) : "",
            ]));
        }

        if (manifest.Fairness is { } fairness)
            Table(page, "Groups of people", ["attribute", "used by the model", "gap in mean score / 100", "95 % interval", "verdict"], fairness.Attributes.Select(a => (string[])[a.Attribute, a.IsUsed ? "yes" : "no", Number(a.MeanScore.Value), Of(a.MeanScore.Interval), a.Verdict.ToString().ToLowerInvariant()]));
        if (card.Importance is { Count: > 0 } importance)
            Table(page, "What moves its scores", ["feature", "points, on average up or down", "share"], importance.Select(f => (string[])[f.Feature, Number(f.Points), f.Share.ToString("0.0 %", CultureInfo.InvariantCulture)]));
        if (card.Effort is { } effort)
        {
            Table(page, "Who was worked", ["", "value", "95 % interval"],
            [
                ["leads with a known outcome and score", string.Create(CultureInfo.InvariantCulture, $"{effort.Leads:N0}"), ""], ["of them worked", string.Create(CultureInfo.InvariantCulture, $"{effort.Worked:N0}"), ""],
                ["work follows the score (0.5: it does not)", Number(effort.FollowsScore), Of(effort.FollowsScoreInterval)], ["conversion of worked leads less that of others with the same score", Number(effort.Gap), Of(effort.GapInterval)],
                ["share of leads with next to no chance of being worked", Number(effort.WithoutChance), ""], ["effective leads of a correction", Number(effort.EffectiveLeads), ""],
                ["share of the weight that the heaviest tenth has", Number(effort.HeaviestShare), ""], ["corrected", card.IsCorrectedForEffort ? "yes" : "no", ""], [effort.Advice, "", ""],
            ]);
        }

        Table(page, "Findings in the data", [""], manifest.Leaks.Select(l => (string[])[l.Message]));
        Table(page, "Limits", [""], card.Limits.Select(l => (string[])[l]));
        return page.Append("</body></html>").ToString();
    }

    private static void Table(StringBuilder page, string title, string[] heads, IEnumerable<string[]> rows)
    {
        page.Append(CultureInfo.InvariantCulture, $"<h2>{Text(title)}</h2><table><tr>");
        foreach (var head in heads) page.Append(CultureInfo.InvariantCulture, $"<th>{Text(head)}</th>");
        page.Append("</tr>");
        foreach (var row in rows)
        {
            page.Append("<tr>");
            foreach (var cell in row) page.Append(CultureInfo.InvariantCulture, $"<td{(cell is "pass" or "warn" or "block" ? $" class=\"{cell}\"" : "")}>{Text(cell)}</td>");
            page.Append("</tr>");
        }

        page.Append("</table>");
    }

    private static double Value(SplitEvaluation split, string metric) => Enum.GetValues<Metric>().Where(m => SplitEvaluation.NameOf(m) == metric).Select(split.ValueOf).DefaultIfEmpty(double.NaN).First();

    private static string Text(string text) => HtmlEncoder.Default.Encode(text);

    private static string Verdict(GateVerdict verdict) => verdict.ToString().ToLowerInvariant();

    private static string Number(double value) => double.IsFinite(value) ? value.ToString("0.####", CultureInfo.InvariantCulture) : "not measurable";

    private static string Of(Interval interval) => double.IsFinite(interval.Low) ? $"{Number(interval.Low)} to {Number(interval.High)}" : "";

    private static string Day(DateTimeOffset? moment) => moment?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "unknown";
}
