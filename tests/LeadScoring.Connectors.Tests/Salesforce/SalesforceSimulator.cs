using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Salesforce;

/// <summary>
/// Salesforce with state: objects with stamps of whole seconds, a recycle bin, merges and conversions; queries with pages that can be lost; bulk queries; writes with a result a record; fields that can be hidden;
/// tokens that are good at one instance only and rotate.
/// </summary>
internal sealed class SalesforceSimulator(TimeProvider time) : VendorSimulator("salesforce")
{
    internal const string Token = "session-test";
    internal const string ClientId = "client";
    internal const string ClientSecret = "secret";
    private const string Data = "/services/data/v64.0";

    private static readonly string[] Flags = ["IsDeleted", "IsConverted", "IsWon", "IsClosed", "HasOptedOutOfEmail"];
    private static readonly string[] Numbers = ["Amount", "AnnualRevenue", "NumberOfEmployees", "CallDurationInSeconds"];
    private static readonly string[] Moments = ["SystemModstamp", "CreatedDate", "CompletedDateTime", "LastStageChangeDate"];
    private static readonly Dictionary<string, string> Prefixes = new() { ["Lead"] = "00Q", ["Contact"] = "003", ["Account"] = "001", ["Opportunity"] = "006", ["OpportunityContactRole"] = "00K", ["Task"] = "00T", ["Organization"] = "00D" };

    private readonly Dictionary<string, SortedDictionary<string, Dictionary<string, string?>>> objects = Prefixes.Keys.ToDictionary(k => k, _ => new SortedDictionary<string, Dictionary<string, string?>>(StringComparer.Ordinal));
    private readonly Dictionary<string, Dictionary<string, JsonObject>> fields = Prefixes.Keys.ToDictionary(k => k, _ => new Dictionary<string, JsonObject>(StringComparer.OrdinalIgnoreCase));
    private readonly Dictionary<string, (List<JsonObject> Records, int From)> locators = [];
    private readonly Dictionary<string, (Soql Query, int Polls)> jobs = [];
    private readonly Dictionary<string, string?> tokens = new() { [Token] = null };
    private readonly List<(string Type, string Id, string At)> purged = [];
    private readonly Dictionary<string, string> refused = [];
    private int nextId = 1;
    private int locator;
    private int refreshes;

    internal int PageSize { get; set; } = 2_000;

    /// <summary>Records of one part of bulk results.</summary>
    internal int BulkPart { get; set; } = 5_000;

    internal bool HasBulk { get; set; } = true;

    /// <summary>What programs used of the day, as headers tell; null: counted.</summary>
    internal int? Usage { get; set; }

    internal string RefreshToken { get; private set; } = "refresh-0";

    internal int Refreshes => refreshes;

    internal static async Task<SalesforceSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new SalesforceSimulator(time);
        foreach (var (type, names) in new Dictionary<string, string>
        {
            ["Lead"] = "Id IsDeleted MasterRecordId CreatedDate SystemModstamp IsConverted ConvertedDate ConvertedContactId ConvertedOpportunityId Email Phone FirstName LastName Title City State PostalCode Country Company Industry LeadSource NumberOfEmployees AnnualRevenue HasOptedOutOfEmail",
            ["Contact"] = "Id IsDeleted MasterRecordId CreatedDate SystemModstamp AccountId Email Phone FirstName LastName Title MailingCity MailingState MailingPostalCode MailingCountry LeadSource",
            ["Account"] = "Id IsDeleted SystemModstamp Name Industry NumberOfEmployees AnnualRevenue BillingCountry Type",
            ["Opportunity"] = "Id IsDeleted SystemModstamp IsWon IsClosed Amount CloseDate StageName LastStageChangeDate ContactId",
            ["OpportunityContactRole"] = "Id IsDeleted SystemModstamp OpportunityId ContactId",
            ["Task"] = "Id IsDeleted SystemModstamp CreatedDate WhoId TaskSubtype IsClosed CompletedDateTime ActivityDate CallDurationInSeconds",
            ["Organization"] = "Id Name SystemModstamp IsDeleted",
        })
        {
            foreach (var name in names.Split(' ')) simulator.AddField(type, name, Flags.Contains(name) ? "boolean" : Numbers.Contains(name) ? "double" : Moments.Contains(name) ? "datetime" : "string");
        }

        simulator.Add("Organization", ("Name", "Example"));
        await simulator.StartAsync();
        return simulator;
    }

    internal void AddField(string type, string name, string kind, string? help = null, bool updateable = true)
    {
        lock (State) fields[type][name] = new JsonObject { ["name"] = name, ["type"] = kind, ["updateable"] = updateable, ["calculated"] = false, ["custom"] = name.EndsWith("__c", StringComparison.Ordinal), ["inlineHelpText"] = help };
    }

    internal void HideField(string type, string name)
    {
        lock (State) fields[type].Remove(name);
    }

    internal string Add(string type, params (string Name, string? Value)[] values) => Add(type, TimeSpan.Zero, values);

    /// <summary>A record that is committed only now, though it was stamped a while ago.</summary>
    internal string Add(string type, TimeSpan stampedAgo, params (string Name, string? Value)[] values)
    {
        lock (State)
        {
            var id = Prefixes[type] + nextId++.ToString("D12", CultureInfo.InvariantCulture) + "AAA";
            objects[type][id] = new Dictionary<string, string?> { ["Id"] = id, ["IsDeleted"] = "false", ["CreatedDate"] = Stamp(time.GetUtcNow()) };
            if (type == "Lead") objects[type][id]["IsConverted"] = "false";
            Set(id, values);
            objects[type][id]["SystemModstamp"] = Stamp(time.GetUtcNow() - stampedAgo);
            return id;
        }
    }

    internal void Set(string id, params (string Name, string? Value)[] values)
    {
        lock (State)
        {
            var record = Of(id)!;
            foreach (var (name, value) in values) record[name] = value;
            record["SystemModstamp"] = Stamp(time.GetUtcNow());
        }
    }

    internal string? Get(string id, string name)
    {
        lock (State) return Of(id)!.GetValueOrDefault(name);
    }

    internal void Delete(string id) => Set(id, ("IsDeleted", "true"));

    /// <summary>Deleted from the recycle bin, too: no query finds it.</summary>
    internal void Purge(string id)
    {
        lock (State)
        {
            foreach (var (type, all) in objects)
            {
                if (all.Remove(id)) purged.Add((type, id, Stamp(time.GetUtcNow())));
            }
        }
    }

    internal void Merge(string winner, string loser)
    {
        Set(loser, ("IsDeleted", "true"), ("MasterRecordId", winner));
        Set(winner);
    }

    internal string Convert(string lead, string? opportunity)
    {
        var contact = Add("Contact", ("Email", Get(lead, "Email")));
        Set(lead, ("IsConverted", "true"), ("ConvertedDate", time.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)), ("ConvertedContactId", contact), ("ConvertedOpportunityId", opportunity));
        return contact;
    }

    /// <summary>Writes of this record are refused with this code.</summary>
    internal void Refuse(string id, string code)
    {
        lock (State) refused[id] = code;
    }

    internal void LoseLocators()
    {
        lock (State) locators.Clear();
    }

    internal void Revoke(string token)
    {
        lock (State) tokens.Remove(token);
    }

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        lock (State)
        {
            var (request, response) = (http.Request, http.Response);
            response.Headers["Sforce-Limit-Info"] = string.Create(CultureInfo.InvariantCulture, $"api-usage={Usage ?? Seen.Count}/15000");
            var path = request.Path.Value!;
            if (path == "/services/oauth2/token") return WriteAsync(http, Renew(body, http.Request.Host.Port!.Value));
            var token = request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);
            if (!tokens.TryGetValue(token, out var host) || (host is not null && host != request.Host.Host)) return WriteAsync(http, Error(401, "INVALID_SESSION_ID"));
            if (!path.StartsWith(Data, StringComparison.Ordinal)) return WriteAsync(http, Error(404, "NOT_FOUND"));
            string[] parts = path[Data.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries);
            if (parts is ["jobs", "query", var job, "results"]) return ResultsAsync(http, job);
            return WriteAsync(http, (request.Method, parts) switch
            {
                ("GET", ["query"]) => Query(request.Query["q"]!, withDeleted: false),
                ("GET", ["queryAll"]) => Query(request.Query["q"]!, withDeleted: true),
                ("GET", ["query", var next]) => locators.TryGetValue(next, out var at) ? Page(at.Records, at.From) : Error(400, "INVALID_QUERY_LOCATOR"),
                ("GET", ["sobjects", var type, "describe"]) => (200, new JsonObject { ["name"] = type, ["fields"] = new JsonArray([.. fields[type].Values.Select(f => f.DeepClone())]) }),
                ("GET", ["sobjects", var type, "deleted"]) => Deleted(type, request.Query["start"]!, request.Query["end"]!),
                ("PATCH", ["composite", "sobjects"]) => Update(JsonNode.Parse(body)!),
                ("POST", ["jobs", "query"]) => StartJob(JsonNode.Parse(body)!),
                ("GET", ["jobs", "query", var id]) => Job(id),
                _ => Error(404, "NOT_FOUND"),
            });
        }
    }

    private (int, JsonNode) Renew(string body, int port)
    {
        var form = HttpUtility.ParseQueryString(body);
        if (form["client_id"] != ClientId || form["client_secret"] != ClientSecret || (form["grant_type"] == "refresh_token" && form["refresh_token"] != RefreshToken)) return (400, new JsonObject { ["error"] = "invalid_grant", ["error_description"] = "secret@example.com" });
        var token = $"access-{++refreshes}";
        // Good at the instance alone, not at the address of the login.
        tokens[token] = "localhost";
        var answer = new JsonObject { ["access_token"] = token, ["instance_url"] = $"http://localhost:{port}", ["token_type"] = "Bearer" };
        if (form["grant_type"] == "refresh_token") answer["refresh_token"] = RefreshToken = $"refresh-{refreshes}";
        return (200, answer);
    }

    private (int, JsonNode) Query(string text, bool withDeleted)
    {
        Soql query;
        try
        {
            query = Soql.Parse(text);
        }
        catch (FormatException)
        {
            return Error(400, "MALFORMED_QUERY");
        }

        if (!query.IsCount && query.Fields.Concat(query.Order).Any(f => !f.Contains('.') && !fields[query.Type].ContainsKey(f))) return Error(400, "INVALID_FIELD");
        var hits = Hits(query, withDeleted);
        return query.IsCount ? (200, new JsonObject { ["totalSize"] = hits.Count, ["done"] = true, ["records"] = new JsonArray() }) : Page([.. hits.Select(h => Json(query, h))], 0);
    }

    private List<Dictionary<string, string?>> Hits(Soql query, bool withDeleted)
    {
        IEnumerable<Dictionary<string, string?>> hits = objects[query.Type].Values.Where(r => (withDeleted || r["IsDeleted"] != "true") && query.Where(f => Value(r, f)));
        if (query.Order.Count > 0) hits = query.Order.Skip(1).Aggregate(hits.OrderBy(r => Value(r, query.Order[0]), StringComparer.Ordinal), (sorted, field) => sorted.ThenBy(r => Value(r, field), StringComparer.Ordinal));
        return [.. hits.Take(query.Limit)];
    }

    private string? Value(Dictionary<string, string?> record, string field)
    {
        if (!field.StartsWith("Account.", StringComparison.Ordinal)) return record.GetValueOrDefault(field);
        return record.GetValueOrDefault("AccountId") is { } id ? objects["Account"][id].GetValueOrDefault(field["Account.".Length..]) : null;
    }

    private (int, JsonNode) Page(List<JsonObject> records, int from)
    {
        var page = new JsonObject { ["totalSize"] = records.Count, ["done"] = from + PageSize >= records.Count, ["records"] = new JsonArray([.. records.Skip(from).Take(PageSize).Select(r => r.DeepClone())]) };
        if (from + PageSize < records.Count)
        {
            var next = string.Create(CultureInfo.InvariantCulture, $"01g{++locator:D15}-{from + PageSize}");
            locators[next] = (records, from + PageSize);
            page["nextRecordsUrl"] = $"{Data}/query/{next}";
        }

        return (200, page);
    }

    private JsonObject Json(Soql query, Dictionary<string, string?> record)
    {
        var json = new JsonObject { ["attributes"] = new JsonObject { ["type"] = query.Type, ["url"] = $"{Data}/sobjects/{query.Type}/{record["Id"]}" } };
        JsonObject? account = null;
        foreach (var field in query.Fields)
        {
            var value = Typed(field.Split('.')[^1], Value(record, field));
            if (!field.Contains('.')) json[field] = value;
            else if (record.GetValueOrDefault("AccountId") is null) json["Account"] = null;
            else
            {
                if (account is null) json["Account"] = account = new JsonObject { ["attributes"] = new JsonObject { ["type"] = "Account" } };
                account[field.Split('.')[1]] = value;
            }
        }

        return json;
    }

    private static JsonValue? Typed(string field, string? value) => value is null ? null
        : Flags.Contains(field) ? JsonValue.Create(value == "true") : Numbers.Contains(field) ? JsonValue.Create(double.Parse(value, CultureInfo.InvariantCulture))
        : JsonValue.Create(Moments.Contains(field) ? value.Replace("Z", "+0000", StringComparison.Ordinal) : value);

    private (int, JsonNode) Deleted(string type, string start, string end)
    {
        var gone = objects[type].Values.Where(r => r["IsDeleted"] == "true").Select(r => (Type: type, Id: r["Id"]!, At: r["SystemModstamp"]!)).Concat(purged.Where(p => p.Type == type))
            .Where(d => string.CompareOrdinal(d.At, start) >= 0 && string.CompareOrdinal(d.At, end) <= 0);
        return (200, new JsonObject { ["deletedRecords"] = new JsonArray([.. gone.Select(d => new JsonObject { ["id"] = d.Id, ["deletedDate"] = d.At })]), ["earliestDateAvailable"] = start, ["latestDateCovered"] = end });
    }

    private (int, JsonNode) Update(JsonNode body)
    {
        var records = body["records"]!.AsArray();
        string[] types = [.. records.Select(r => (string)r!["attributes"]!["type"]!)];
        if (records.Count > 200 || types.Where((t, i) => i > 0 && t != types[i - 1]).Count() >= 10) return Error(400, "LIMIT_EXCEEDED");
        foreach (var record in records)
        {
            foreach (var (name, value) in record!.AsObject().Where(m => m.Key is not ("attributes" or "id")))
            {
                if (!fields[(string)record["attributes"]!["type"]!].TryGetValue(name, out var field)) return Error(400, "INVALID_FIELD");
                if ((string)field["type"]! == "double" && value is not null && value.GetValueKind() != System.Text.Json.JsonValueKind.Number) return Error(400, "JSON_PARSER_ERROR");
            }
        }

        var results = new JsonArray();
        foreach (var record in records)
        {
            var id = (string)record!["id"]!;
            var there = Of(id);
            var code = refused.GetValueOrDefault(id) ?? (there is null ? "INVALID_CROSS_REFERENCE_KEY" : there["IsDeleted"] == "true" ? "ENTITY_IS_DELETED" : there.GetValueOrDefault("IsConverted") == "true" ? "CANNOT_UPDATE_CONVERTED_LEAD" : null);
            if (code is null) Set(id, [.. record.AsObject().Where(m => m.Key is not ("attributes" or "id")).Select(m => (m.Key, m.Value?.ToString()))]);
            results.Add((JsonNode)(code is null ? new JsonObject { ["id"] = id, ["success"] = true, ["errors"] = new JsonArray() }
                : new JsonObject { ["success"] = false, ["errors"] = new JsonArray(new JsonObject { ["statusCode"] = code, ["message"] = "secret@example.com", ["fields"] = new JsonArray() }) }));
        }

        return (200, results);
    }

    private (int, JsonNode) StartJob(JsonNode body)
    {
        if (!HasBulk) return Error(400, "API_DISABLED_FOR_ORG");
        var id = "750" + (jobs.Count + 1).ToString("D15", CultureInfo.InvariantCulture);
        jobs[id] = (Soql.Parse((string)body["query"]!), 0);
        return (200, new JsonObject { ["id"] = id, ["operation"] = "queryAll", ["state"] = "UploadComplete" });
    }

    private (int, JsonNode) Job(string id)
    {
        if (!jobs.TryGetValue(id, out var job)) return Error(404, "NOT_FOUND");
        jobs[id] = (job.Query, job.Polls + 1);
        return (200, new JsonObject { ["id"] = id, ["operation"] = "queryAll", ["state"] = job.Polls switch { 0 => "UploadComplete", 1 => "InProgress", _ => "JobComplete" } });
    }

    private Task ResultsAsync(HttpContext http, string id)
    {
        var query = jobs[id].Query;
        var from = int.Parse(http.Request.Query["locator"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        var size = Math.Min(BulkPart, int.Parse(http.Request.Query["maxRecords"]!, CultureInfo.InvariantCulture));
        var hits = Hits(query, withDeleted: true);
        var csv = new StringBuilder(string.Join(',', query.Fields.Select(f => $"\"{f}\""))).Append('\n');
        foreach (var hit in hits.Skip(from).Take(size)) csv.AppendJoin(',', query.Fields.Select(f => $"\"{Value(hit, f)?.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")).Append('\n');
        http.Response.Headers["Sforce-Locator"] = from + size < hits.Count ? (from + size).ToString(CultureInfo.InvariantCulture) : "null";
        http.Response.ContentType = "text/csv";
        return http.Response.WriteAsync(csv.ToString());
    }

    private Dictionary<string, string?>? Of(string id) => objects.Values.Select(o => o.GetValueOrDefault(id)).FirstOrDefault(r => r is not null);

    private static Task WriteAsync(HttpContext http, (int Status, JsonNode Body) answer)
    {
        http.Response.StatusCode = answer.Status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(answer.Body.ToJsonString());
    }

    private static (int, JsonNode) Error(int status, string code) => (status, new JsonArray(new JsonObject { ["errorCode"] = code, ["message"] = "secret@example.com cannot be told" }));

    private static string Stamp(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'.000Z'", CultureInfo.InvariantCulture);
}
