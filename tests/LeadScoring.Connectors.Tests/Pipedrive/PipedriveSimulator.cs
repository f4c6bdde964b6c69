using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Pipedrive;

/// <summary>
/// Pipedrive with state: persons, organizations, leads, deals, activities, with cursors that point behind a record; deals in three lists; custom fields named by hashes, with options that have ids; a daily budget of
/// tokens; tokens of OAuth that rotate.
/// </summary>
internal sealed class PipedriveSimulator(TimeProvider time) : VendorSimulator("pipedrive")
{
    internal const string Token = "api-token";
    internal const string ClientId = "client";
    internal const string ClientSecret = "secret";

    private static readonly string[] Kinds = ["persons", "organizations", "deals", "activities", "leads"];

    private readonly Dictionary<string, SortedDictionary<long, JsonObject>> records = Kinds.ToDictionary(k => k, _ => new SortedDictionary<long, JsonObject>());
    private readonly List<JsonObject> fields = [];
    private readonly HashSet<string> tokens = [];
    private readonly HashSet<long> refused = [];
    private readonly List<DateTimeOffset> asked = [];
    private long nextId = 1;
    private int refreshes;

    /// <summary>Most records of a page, whatever was asked for.</summary>
    internal int MostOfPage { get; set; } = 500;

    /// <summary>What headers tell of the day's tokens; null: the header is not there.</summary>
    internal int? TokensLeft { get; set; }

    internal string RefreshToken { get; private set; } = "refresh-0";

    /// <summary>Most requests in any two seconds.</summary>
    internal int MostInTwoSeconds
    {
        get
        {
            lock (State) return asked.Select((from, i) => asked.Skip(i).TakeWhile(at => at - from < TimeSpan.FromSeconds(2)).Count()).DefaultIfEmpty().Max();
        }
    }

    internal IReadOnlyList<JsonObject> Fields
    {
        get
        {
            lock (State) return [.. fields];
        }
    }

    internal static async Task<PipedriveSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new PipedriveSimulator(time);
        simulator.fields.Add(new JsonObject { ["field_name"] = "Person Name", ["field_code"] = "name", ["field_type"] = "varchar", ["is_custom_field"] = false, ["options"] = null });
        await simulator.StartAsync();
        return simulator;
    }

    internal string Add(string kind, JsonObject values)
    {
        lock (State)
        {
            var id = nextId++;
            values["id"] = kind == "leads" ? JsonValue.Create(Guid(id)) : JsonValue.Create(id);
            values["add_time"] = Moment(time.GetUtcNow());
            records[kind][id] = values;
            Touch(values);
            return Text(id);
        }
    }

    internal static string Guid(long id) => $"00000000-0000-4000-8000-{id:D12}";

    internal void Set(string kind, string id, params (string Name, JsonNode? Value)[] values)
    {
        lock (State)
        {
            var record = records[kind][Number(id)];
            foreach (var (name, value) in values) record[name] = value;
            Touch(record);
        }
    }

    internal JsonNode? CustomValue(string person, string fieldName)
    {
        lock (State) return records["persons"][Number(person)]["custom_fields"]?[CodeOf(fieldName)];
    }

    internal string CodeOf(string fieldName)
    {
        lock (State) return (string)fields.First(f => (string?)f["field_name"] == fieldName)["field_code"]!;
    }

    internal string AddField(string name, string type, params string[] options)
    {
        lock (State)
        {
            // 40 hexadecimal digits.
            var code = (fields.Count + 1).ToString("x40", CultureInfo.InvariantCulture);
            fields.Add(new JsonObject
            {
                ["field_name"] = name, ["field_code"] = code, ["field_type"] = type, ["is_custom_field"] = true,
                ["options"] = options.Length == 0 ? null : new JsonArray([.. options.Select((o, i) => new JsonObject { ["id"] = (100 * fields.Count) + i, ["label"] = o })]),
            });
            return code;
        }
    }

    internal void Remove(string kind, string id)
    {
        lock (State) records[kind].Remove(Number(id));
    }

    internal void Refuse(string person)
    {
        lock (State) refused.Add(Number(person));
    }

    internal void Revoke(string token)
    {
        lock (State) tokens.Remove(token);
    }

    private void Touch(JsonObject record) => record["update_time"] = Moment(time.GetUtcNow());

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        JsonNode answer;
        int status;
        lock (State)
        {
            var request = http.Request;
            asked.Add(time.GetUtcNow());
            if (TokensLeft is { } left) http.Response.Headers["x-daily-ratelimit-token-remaining"] = Text(left);
            var path = request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
            var isIn = request.Headers["x-api-token"] == Token || tokens.Contains(request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal));
            (status, answer) = path is ["oauth", "token"] ? Renew(request, body) : !isIn ? Error(401) : (request.Method, path) switch
            {
                ("GET", ["v1", "users", "me"]) => (200, new JsonObject { ["success"] = true, ["data"] = new JsonObject { ["company_id"] = 4711, ["company_name"] = "Example" } }),
                ("GET", ["v1", "leads"]) => Leads(request.Query),
                ("GET", ["api", "v2", "stages"]) => (200, Whole([new JsonObject { ["id"] = 1, ["name"] = "Talks" }, new JsonObject { ["id"] = 2, ["name"] = "Contract" }])),
                ("GET", ["api", "v2", "personFields"]) => (200, Whole(fields)),
                ("POST", ["api", "v2", "personFields"]) => Create(JsonNode.Parse(body)!),
                ("GET", ["api", "v2", "deals", "archived"]) => List("deals", request.Query, d => (bool?)d["is_archived"] == true),
                ("GET", ["api", "v2", "deals"]) => List("deals", request.Query, d => (bool?)d["is_archived"] != true && (request.Query["status"] == "deleted") == ((string?)d["status"] == "deleted")),
                ("GET", ["api", "v2", "activities"]) => List("activities", request.Query, a => !request.Query.ContainsKey("done") || (bool?)a["done"] == (request.Query["done"] == "true")),
                ("GET", ["api", "v2", var kind]) when records.ContainsKey(kind) => List(kind, request.Query, _ => true),
                ("PATCH", ["api", "v2", "persons", var id]) => Update(Number(id), JsonNode.Parse(body)!),
                _ => Error(404),
            };
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(answer.ToJsonString());
    }

    private (int, JsonNode) Renew(HttpRequest request, string body)
    {
        var form = HttpUtility.ParseQueryString(body);
        var app = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{ClientId}:{ClientSecret}"));
        if (request.Headers.Authorization != app || form["refresh_token"] != RefreshToken) return (400, new JsonObject { ["error"] = "invalid_grant" });
        var token = $"access-{++refreshes}";
        tokens.Add(token);
        RefreshToken = $"refresh-{refreshes}";
        return (200, new JsonObject { ["access_token"] = token, ["refresh_token"] = RefreshToken, ["expires_in"] = 3599, ["api_domain"] = $"http://localhost:{request.Host.Port}", ["token_type"] = "Bearer" });
    }

    private (int, JsonNode) List(string kind, IQueryCollection query, Func<JsonObject, bool> isIn)
    {
        var limit = Math.Min(MostOfPage, int.Parse(query["limit"].FirstOrDefault() ?? "100", CultureInfo.InvariantCulture));
        var byTime = query["sort_by"] == "update_time";
        var ids = query["ids"].FirstOrDefault()?.Split(',').Select(Number).ToHashSet();
        var since = query["updated_since"].FirstOrDefault();
        var after = query["cursor"].FirstOrDefault() is { } cursor ? Encoding.UTF8.GetString(Convert.FromBase64String(cursor)) : "";
        // The cursor is the place behind the last record.
        string Place(JsonObject r) => $"{(byTime ? (string)r["update_time"]! : "")}/{(long)r["id"]!:D12}";
        var hits = records[kind].Values.Where(r => isIn(r) && ids?.Contains((long)r["id"]!) != false && (since is null || string.CompareOrdinal((string)r["update_time"]!, since) >= 0))
            .Select(r => (Record: r, Place: Place(r))).OrderBy(r => r.Place, StringComparer.Ordinal).Where(r => string.CompareOrdinal(r.Place, after) > 0).Take(limit + 1).ToArray();
        return (200, new JsonObject
        {
            ["success"] = true, ["data"] = new JsonArray([.. hits.Take(limit).Select(h => h.Record.DeepClone())]),
            ["additional_data"] = new JsonObject { ["next_cursor"] = hits.Length > limit ? Convert.ToBase64String(Encoding.UTF8.GetBytes(hits[limit - 1].Place)) : null },
        });
    }

    private (int, JsonNode) Leads(IQueryCollection query)
    {
        var start = int.Parse(query["start"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        var limit = Math.Min(MostOfPage, int.Parse(query["limit"].FirstOrDefault() ?? "100", CultureInfo.InvariantCulture));
        var since = query["updated_since"].FirstOrDefault();
        JsonObject[] hits = [.. records["leads"].Values.Where(l => since is null || string.CompareOrdinal((string)l["update_time"]!, since) >= 0)];
        var hasMore = start + limit < hits.Length;
        var pagination = new JsonObject { ["start"] = start, ["limit"] = limit, ["more_items_in_collection"] = hasMore };
        if (hasMore) pagination["next_start"] = start + limit;
        return (200, new JsonObject { ["success"] = true, ["data"] = new JsonArray([.. hits.Skip(start).Take(limit).Select(h => h.DeepClone())]), ["additional_data"] = new JsonObject { ["pagination"] = pagination } });
    }

    private (int, JsonNode) Create(JsonNode body)
    {
        var code = AddField((string)body["field_name"]!, (string)body["field_type"]!, [.. (body["options"]?.AsArray() ?? []).Select(o => (string)o!["label"]!)]);
        return (200, new JsonObject { ["success"] = true, ["data"] = fields.First(f => (string?)f["field_code"] == code).DeepClone() });
    }

    private (int, JsonNode) Update(long id, JsonNode body)
    {
        if (!records["persons"].TryGetValue(id, out var person)) return Error(404);
        if (refused.Contains(id)) return Error(400);
        var custom = person["custom_fields"]?.AsObject() ?? new JsonObject();
        foreach (var (code, value) in body["custom_fields"]!.AsObject())
        {
            if (fields.FirstOrDefault(f => (string?)f["field_code"] == code) is not { } field) return Error(400);
            if ((string?)field["field_type"] == "enum" && value is not null && field["options"]!.AsArray().All(o => o!["id"]!.ToJsonString() != value.ToJsonString())) return Error(400);
            custom[code] = value?.DeepClone();
        }

        person["custom_fields"] = custom.DeepClone();
        Touch(person);
        return (200, new JsonObject { ["success"] = true, ["data"] = person.DeepClone() });
    }

    private static JsonObject Whole(IEnumerable<JsonObject> data) => new() { ["success"] = true, ["data"] = new JsonArray([.. data.Select(d => d.DeepClone())]), ["additional_data"] = new JsonObject { ["next_cursor"] = null } };

    private static (int, JsonNode) Error(int status) => (status, new JsonObject { ["success"] = false, ["error"] = "secret@example.com cannot be told", ["code"] = "ERR_SCHEMA_VALIDATION_FAILED" });

    private static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
