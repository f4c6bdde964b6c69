using System.ComponentModel;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>All that is kept of a person, in plain language: for whoever asks what is known of him and why.</summary>
internal static class GetAccessFile
{
    /// <summary>Rows of a part; nobody reads more, and the API's lists have the rest.</summary>
    internal const int MostRows = 10_000;

    /// <param name="Title">For people.</param>
    /// <param name="Text">What it is, and where it is from.</param>
    /// <param name="Kept">How long.</param>
    /// <param name="IsCut">Whether there are more rows than are shown.</param>
    public sealed record Part(string Name, string Title, string Text, string Kept, IReadOnlyList<Dictionary<string, object>> Rows, bool IsCut);

    /// <param name="Logic">How a score comes about, in plain words.</param>
    /// <param name="Reasons">Why the latest score is what it is, largest share first.</param>
    /// <param name="WhatWouldChange">What would have led to a better grade; absent when there is none, or no score.</param>
    public sealed record Explanation(string Logic, double? Score, string? Grade, IReadOnlyList<string> Reasons, string? WhatWouldChange);

    public sealed record Response(string LeadId, DateTimeOffset MadeAt, string About, Explanation Scoring, IReadOnlyList<Part> Parts);

    private const string About =
        "This is all that this system keeps of the person, where it is from, how long it is kept, and how the person was scored. The score says which contacts the sales team calls first; a person decides what happens then. "
        + "The person may ask for correction, for erasure, and not to be contacted.";

    private const string Logic =
        "The score is the estimated chance, from 0 to 100, that the contact becomes a customer. It is computed from the facts and the activity below, by comparison with earlier contacts of which it is known what became of them. "
        + "Grades put the score in words: A is called first, D last. Each fact raises or lowers the score by a number of points; the points and the starting value add up to the score. Facts that the organization marks as sensitive, such as age, are left out unless it says otherwise.";

    internal static async Task<IResult> HandleAsync(
        string leadId, Caller caller, LeadStore leads, ScoreStore scores, ActiveModels models, LeadScorer scorer, Database database, TimeProvider time, HttpResponse response, CancellationToken cancellationToken,
        [Description("json (default), html or text.")] string format = "json")
    {
        if (format is not ("json" or "html" or "text")) throw ProblemException.Invalid("?format", "format is json, html or text.");
        var lead = await leads.GetAsync(caller.OrganizationId, leadId, cancellationToken) ?? throw GetLead.Unknown();
        var parts = new List<Part>();
        foreach (var section in AccessSection.All) parts.Add(await ReadAsync(database, section, caller.OrganizationId, leadId, cancellationToken));
        var latest = await scores.LatestAsync(caller.OrganizationId, leadId, cancellationToken);
        var reasons = latest?.Explanation.Factors.Where(f => f.Points != 0).Select(f => string.Create(CultureInfo.InvariantCulture, $"{f.Text ?? f.Feature} ({f.Points:+0.0;-0.0} points)")).ToArray() ?? [];
        var change = lead.Latest is null ? null : await WhatWouldChangeAsync(leadId, latest?.Grade, caller, leads, models, scorer, time, cancellationToken);
        var file = new Response(leadId, time.GetUtcNow(), About, new Explanation(Logic, latest?.Score, latest?.Grade, reasons, change), parts);
        // It holds what strangers typed in: nothing of it runs, wherever it is opened.
        response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
        return format switch
        {
            "html" => TypedResults.Content(Html(file), "text/html; charset=utf-8"),
            "text" => TypedResults.Content(PlainText(file), "text/plain; charset=utf-8"),
            _ => TypedResults.Ok(file),
        };
    }

    private static async Task<string?> WhatWouldChangeAsync(string leadId, string? grade, Caller caller, LeadStore leads, ActiveModels models, LeadScorer scorer, TimeProvider time, CancellationToken cancellationToken)
    {
        var better = grade switch { "B" => "A", "C" => "B", "D" => "C", _ => null };
        if (better is null) return null;
        try
        {
            return (await GetCounterfactual.HandleAsync(leadId, better, caller, leads, models, scorer, time, cancellationToken)).Value!.Text;
        }
        catch (ProblemException e) when (e.Kind == ProblemKind.Conflict)
        {
            return e.Message;
        }
    }

    private static async Task<Part> ReadAsync(Database database, AccessSection section, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var found = new List<Dictionary<string, object>>();
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(section.Sql, new { organizationId, leadId, limit = MostRows + 1 }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken))
        {
            var row = new Dictionary<string, object>(StringComparer.Ordinal);
            for (var i = 0; i < rows.FieldCount; i++)
            {
                if (!rows.IsDBNull(i)) Add(row, rows.GetName(i), rows.GetValue(i));
            }

            found.Add(row);
        }

        return new Part(section.Name, section.Title, section.Text, section.Kept, [.. found.Take(MostRows)], found.Count > MostRows);
    }

    private static void Add(Dictionary<string, object> row, string name, object value)
    {
        if (name == "json")
        {
            foreach (var member in JsonElement.Parse((string)value).EnumerateObject()) row[member.Name] = member.Value;
        }
        else if (name.EndsWith("_ms", StringComparison.Ordinal)) row[name[..^"_ms".Length]] = Moment.Of(Convert.ToInt64(value, CultureInfo.InvariantCulture));
        else row[name] = value is short or int or long && name is "reversed" or "converted" or "is_challenger" ? Convert.ToInt64(value, CultureInfo.InvariantCulture) != 0 : value;
    }

    private static string Say(object value) => value switch
    {
        DateTimeOffset at => at.ToString("u", CultureInfo.InvariantCulture),
        bool yes => yes ? "yes" : "no",
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static string Words(string name) => name.Replace('_', ' ');

    private static IEnumerable<string> ScoringLines(Explanation scoring)
    {
        yield return scoring.Logic;
        if (scoring.Score is { } score) yield return string.Create(CultureInfo.InvariantCulture, $"The latest score is {score:0.0}, grade {scoring.Grade}.");
        else yield return "The person has not been scored.";
        foreach (var reason in scoring.Reasons) yield return "- " + reason;
        if (scoring.WhatWouldChange is { } change) yield return "What would have led to a better grade: " + change;
    }

    private static string PlainText(Response file)
    {
        var text = new StringBuilder();
        // One line a value, whatever line breaks it has.
        static string OneLine(string value) => string.Concat(value.Select(c => char.IsControl(c) ? ' ' : c));
        text.Append(CultureInfo.InvariantCulture, $"What is kept of {OneLine(file.LeadId)}\nMade {file.MadeAt:u}\n\n{file.About}\n\nHOW THE SCORE COMES ABOUT\n");
        foreach (var line in ScoringLines(file.Scoring)) text.Append(OneLine(line)).Append('\n');
        foreach (var part in file.Parts)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{part.Title.ToUpperInvariant()}\n{part.Text} Kept: {part.Kept}\n");
            if (part.Rows.Count == 0) text.Append("Nothing.\n");
            foreach (var row in part.Rows) text.Append("- ").AppendJoin("; ", row.Select(v => $"{OneLine(Words(v.Key))}: {OneLine(Say(v.Value))}")).Append('\n');
            if (part.IsCut) text.Append(CultureInfo.InvariantCulture, $"More than {MostRows:N0} rows; the first are shown.\n");
        }

        return text.ToString();
    }

    private static string Html(Response file)
    {
        var html = new StringBuilder();
        static string E(string text) => HtmlEncoder.Default.Encode(text);
        html.Append(CultureInfo.InvariantCulture, $"""
            <!doctype html><html lang="en"><head><meta charset="utf-8"><title>What is kept of {E(file.LeadId)}</title>
            <style>body{"{"}font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem{"}"}table{"{"}border-collapse:collapse;width:100%{"}"}td,th{"{"}text-align:left;vertical-align:top;padding:.2rem .6rem;border-bottom:1px solid #ccc{"}"}</style></head><body>
            <h1>What is kept of {E(file.LeadId)}</h1><p>Made {file.MadeAt:u}</p><p>{E(file.About)}</p><h2>How the score comes about</h2>

            """);
        foreach (var line in ScoringLines(file.Scoring)) html.Append(CultureInfo.InvariantCulture, $"<p>{E(line)}</p>\n");
        foreach (var part in file.Parts)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h2>{E(part.Title)}</h2><p>{E(part.Text)} Kept: {E(part.Kept)}</p>\n");
            if (part.Rows.Count == 0) html.Append("<p>Nothing.</p>\n");
            else html.Append("<table>");
            foreach (var (row, i) in part.Rows.Select((r, i) => (r, i)))
            {
                foreach (var (name, value) in row) html.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{E(Words(name))}</th><td>{E(Say(value))}</td></tr>");
                if (i < part.Rows.Count - 1) html.Append("<tr><td colspan=\"2\">&nbsp;</td></tr>");
            }

            if (part.Rows.Count > 0) html.Append("</table>\n");
            if (part.IsCut) html.Append(CultureInfo.InvariantCulture, $"<p>More than {MostRows:N0} rows; the first are shown.</p>\n");
        }

        return html.Append("</body></html>\n").ToString();
    }
}
