using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Web;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Dynamics;

/// <summary>
/// Dataverse with state: leads and opportunities whose changes are told behind a delta link that expires, pages behind next links, a table of predictive scores with a key of two columns. There is no contract of this
/// vendor among those of the tests: nobody but this class checks what is sent, and it refuses what Microsoft's pages do not say.
/// </summary>
internal sealed partial class DynamicsSimulator(TimeProvider time) : VendorSimulator(null)
{
    internal const string Tenant = "11111111-2222-3333-4444-555555555555";
    internal const string ClientId = "client";
    internal const string ClientSecret = "secret";
    private const string Data = "/api/data/v9.2/";

    private static readonly Dictionary<string, string> Keys = new() { ["leads"] = "leadid", ["opportunities"] = "opportunityid" };

    private readonly Dictionary<string, SortedDictionary<string, JsonObject>> rows = Keys.Keys.ToDictionary(k => k, _ => new SortedDictionary<string, JsonObject>(StringComparer.Ordinal));
    private readonly List<(string Table, string Id, int Version)> changes = [];
    private readonly Dictionary<string, List<JsonObject>> pages = [];
    private readonly HashSet<string> tokens = [];
    private int nextId = 1;
    private int issued;

    internal Dictionary<string, JsonObject> Scores { get; } = [];

    internal int PageSize { get; set; } = 500;

    internal bool HasScores { get; set; } = true;

    /// <summary>Links of before this version are not good any more.</summary>
    internal int OldestVersion { get; set; }

    /// <summary>Whether an update by key makes what is missing.</summary>
    internal bool Upserts { get; set; } = true;

    internal int Version => changes.Count;

    internal static async Task<DynamicsSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new DynamicsSimulator(time);
        await simulator.StartAsync();
        return simulator;
    }

    internal string Add(string table, JsonObject values)
    {
        lock (State)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"00000000-0000-4000-8000-{nextId++:D12}");
            values[Keys[table]] = id;
            values["createdon"] = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            rows[table][id] = values;
            changes.Add((table, id, changes.Count + 1));
            return id;
        }
    }

    internal void Set(string table, string id, params (string Name, JsonNode? Value)[] values)
    {
        lock (State)
        {
            foreach (var (name, value) in values) rows[table][id][name] = value;
            changes.Add((table, id, changes.Count + 1));
        }
    }

    internal void Delete(string table, string id)
    {
        lock (State)
        {
            rows[table].Remove(id);
            changes.Add((table, id, changes.Count + 1));
        }
    }

    internal void Revoke()
    {
        lock (State) tokens.Clear();
    }

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        lock (State)
        {
            var request = http.Request;
            var path = request.Path.Value!;
            if (path == $"/{Tenant}/oauth2/v2.0/token") return WriteAsync(http, Token(request, body));
            if (!tokens.Contains(request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal))) return WriteAsync(http, Error(401, "0x80048306"));
            if (!path.StartsWith(Data, StringComparison.Ordinal) || request.Headers["OData-Version"] != "4.0") return WriteAsync(http, Error(400, "0x0"));
            var rest = path[Data.Length..];
            if (rest == "WhoAmI") return WriteAsync(http, (200, new JsonObject { ["OrganizationId"] = Tenant }));
            if (rest.StartsWith("msdyn_predictivescores", StringComparison.Ordinal)) return WriteAsync(http, HasScores ? ScoresOf(request.Method, rest, body) : Error(404, "0x80060888"));
            return WriteAsync(http, request.Method == "GET" && rows.ContainsKey(rest) ? List(request, rest) : Error(404, "0x80060888"));
        }
    }

    private (int, JsonNode?) Token(HttpRequest request, string body)
    {
        var form = HttpUtility.ParseQueryString(body);
        if (form["grant_type"] != "client_credentials" || form["client_id"] != ClientId || form["client_secret"] != ClientSecret || form["scope"] != $"http://{request.Host}/.default")
            return (401, new JsonObject { ["error"] = "invalid_client", ["error_description"] = "secret@example.com" });
        var token = $"token-{++issued}";
        tokens.Add(token);
        return (200, new JsonObject { ["access_token"] = token, ["expires_in"] = 3599, ["token_type"] = "Bearer" });
    }

    private (int, JsonNode?) List(HttpRequest request, string table)
    {
        var origin = $"http://{request.Host}{Data}{table}";
        var query = HttpUtility.ParseQueryString(request.QueryString.Value!);
        var select = query["$select"]!.Split(',');
        if (query["$skiptoken"] is { } skip) return pages.TryGetValue(skip, out var waiting) ? Page(origin, query["$select"]!, waiting, int.Parse(skip.Split('-')[0], CultureInfo.InvariantCulture), isTracked: true) : Error(400, "0x80040203");
        if (query["$filter"] is { } filter)
        {
            var ids = Identifier().Matches(filter).Select(m => m.Value).ToHashSet();
            return (200, new JsonObject { ["value"] = new JsonArray([.. rows[table].Where(r => ids.Contains(r.Key)).Select(r => Row(r.Value, table, select))]) });
        }

        var isTracked = request.Headers["Prefer"].ToString().Contains("odata.track-changes", StringComparison.Ordinal) && query["$top"] is null;
        var from = 0;
        if (query["$deltatoken"] is { } delta && (from = int.Parse(delta, CultureInfo.InvariantCulture)) < OldestVersion) return Error(400, "0x80044352");
        List<JsonObject> all = query["$deltatoken"] is null ? [.. rows[table].Values.Select(r => Row(r, table, select))]
            : [.. changes.Where(c => c.Table == table && c.Version > from).Select(c => c.Id).Distinct().Select(id => rows[table].TryGetValue(id, out var row) ? Row(row, table, select)
                : new JsonObject { ["@odata.context"] = $"{origin}/$metadata#{table}/$deletedEntity", ["id"] = id, ["reason"] = "deleted" })];
        return Page(origin, query["$select"]!, query["$top"] is null ? all : [.. all.Take(1)], changes.Count, isTracked);
    }

    private (int, JsonNode?) Page(string origin, string select, List<JsonObject> all, int version, bool isTracked)
    {
        var page = new JsonObject { ["value"] = new JsonArray([.. all.Take(PageSize).Select(r => r.DeepClone())]) };
        if (all.Count > PageSize)
        {
            var skip = string.Create(CultureInfo.InvariantCulture, $"{version}-{pages.Count}");
            pages[skip] = [.. all.Skip(PageSize)];
            page["@odata.nextLink"] = $"{origin}?$select={select}&$skiptoken={skip}";
        }
        else if (isTracked) page["@odata.deltaLink"] = string.Create(CultureInfo.InvariantCulture, $"{origin}?$select={select}&$deltatoken={version}");
        return (200, page);
    }

    private static JsonObject Row(JsonObject row, string table, string[] select)
    {
        var json = new JsonObject { [Keys[table]] = row[Keys[table]]!.DeepClone() };
        foreach (var name in select)
        {
            json[name] = row[name]?.DeepClone();
            if (row[name + "@label"] is { } label) json[name + "@OData.Community.Display.V1.FormattedValue"] = label.DeepClone();
        }

        return json;
    }

    private (int, JsonNode?) ScoresOf(string method, string rest, string body)
    {
        if (method == "GET") return (200, new JsonObject { ["value"] = new JsonArray() });
        var values = JsonNode.Parse(body)!.AsObject();
        string[] known = ["msdyn_score", "msdyn_grade", "msdyn_scoretrend", "msdyn_entityid", "msdyn_entitytype"];
        if (values.Any(v => !known.Contains(v.Key)) || values["msdyn_score"]?.GetValue<int>() is not (>= 0 and <= 100) || values["msdyn_grade"]?.GetValue<int>() is not (null or (>= 0 and <= 3))) return Error(400, "0x80048408");
        var key = method == "PATCH" ? Key().Match(rest) is { Success: true } match ? match.Groups[1].Value : null : values["msdyn_entitytype"]?.ToString() == "lead" ? values["msdyn_entityid"]?.ToString() : null;
        if (key is null) return Error(400, "0x80060888");
        if (method == "POST" && Scores.ContainsKey(key)) return Error(412, "0x80060892");
        if (method == "PATCH" && !Upserts && !Scores.ContainsKey(key)) return Error(404, "0x80040217");
        Scores[key] = values;
        return (204, null);
    }

    private static (int, JsonNode?) Error(int status, string code) => (status, new JsonObject { ["error"] = new JsonObject { ["code"] = code, ["message"] = "secret@example.com cannot be told" } });

    private static Task WriteAsync(HttpContext http, (int Status, JsonNode? Body) answer)
    {
        http.Response.StatusCode = answer.Status;
        if (answer.Body is null) return Task.CompletedTask;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(answer.Body.ToJsonString());
    }

    [GeneratedRegex("[0-9a-f-]{36}")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"^msdyn_predictivescores\(msdyn_entityid='([0-9a-f-]{36})',msdyn_entitytype='lead'\)$")]
    private static partial Regex Key();
}
