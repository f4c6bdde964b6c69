using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Web;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.HubSpot;

/// <summary>
/// HubSpot with state: objects with properties, associations, archive, merges; a search whose index lags, that gives 200 a page and refuses what is beyond 10,000; properties in groups; batch writes with an
/// error a record; rotating OAuth tokens.
/// </summary>
internal sealed class HubSpotSimulator(TimeProvider time) : VendorSimulator("hubspot")
{
    internal const string Token = "pat-test";
    internal const string ClientId = "client";
    internal const string ClientSecret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    private const int SearchCap = 10_000;
    private static readonly string[] Keys = ["contacts", "companies", "deals"];

    private readonly Dictionary<string, SortedDictionary<long, SimObject>> objects = Keys.ToDictionary(k => k, _ => new SortedDictionary<long, SimObject>());
    private readonly Dictionary<string, string> properties = new() { ["email"] = "contactinformation", ["firstname"] = "contactinformation" };
    private readonly HashSet<string> groups = ["contactinformation"];
    private readonly Dictionary<long, SortedSet<long>> dealContacts = [];
    private readonly HashSet<string> tokens = [Token];
    private readonly List<JsonObject> events = [];
    private readonly List<(string Id, long At)> writes = [];
    private long nextId = 100;
    private long webhookEvents;
    private int refreshes;

    /// <summary>How long a change is invisible to the search.</summary>
    internal TimeSpan IndexLag { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether the account's plan has events.</summary>
    internal bool HasEvents { get; set; } = true;

    internal string RefreshToken { get; private set; } = "refresh-0";

    internal int Refreshes => refreshes;

    private sealed class SimObject
    {
        internal Dictionary<string, string?> Properties { get; } = [];
        internal DateTimeOffset Created { get; init; }
        internal DateTimeOffset Updated { get; set; }
        internal bool Archived { get; set; }
        internal bool Refuses { get; set; }
    }

    internal static async Task<HubSpotSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new HubSpotSimulator(time);
        await simulator.StartAsync();
        return simulator;
    }

    /// <summary>Signature of version 3.</summary>
    internal static string Sign(string secret, string uri, string body, string timestamp) => Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes("POST" + uri + body + timestamp)));

    /// <summary>A webhook of events (such as contact.creation) of objects, as it is sent to an address.</summary>
    internal HttpRequestMessage Webhook(Uri address, params (string Type, string ObjectId)[] told)
    {
        var timestamp = Text(time.GetUtcNow().ToUnixTimeMilliseconds());
        var body = new JsonArray([.. told.Select(t => new JsonObject
        {
            ["eventId"] = Interlocked.Increment(ref webhookEvents), ["subscriptionId"] = 1, ["occurredAt"] = 1, ["subscriptionType"] = t.Type, ["objectId"] = Number(t.ObjectId), ["propertyName"] = "hs_email_open",
        })]).ToJsonString();
        var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("X-HubSpot-Signature-v3", Sign(ClientSecret, address.AbsoluteUri, body, timestamp));
        request.Headers.Add("X-HubSpot-Request-Timestamp", timestamp);
        return request;
    }

    /// <summary>When contacts were written, by <see cref="Stopwatch"/>, in the order of the writes.</summary>
    internal IReadOnlyList<(string Id, long At)> Writes
    {
        get
        {
            lock (State) return [.. writes];
        }
    }

    internal string Add(string type, params (string Name, string? Value)[] values)
    {
        lock (State)
        {
            var id = nextId++;
            objects[type][id] = new SimObject { Created = time.GetUtcNow() };
            Set(type, Text(id), values);
            return Text(id);
        }
    }

    internal void Set(string type, string id, params (string Name, string? Value)[] values)
    {
        lock (State)
        {
            var o = objects[type][Number(id)];
            foreach (var (name, value) in values) o.Properties[name] = value;
            o.Updated = time.GetUtcNow();
        }
    }

    internal string? Get(string type, string id, string name)
    {
        lock (State) return objects[type][Number(id)].Properties.GetValueOrDefault(name);
    }

    internal void Archive(string type, string id)
    {
        lock (State)
        {
            objects[type][Number(id)].Archived = true;
            objects[type][Number(id)].Updated = time.GetUtcNow();
        }
    }

    /// <summary>The second becomes part of the first and is gone.</summary>
    internal void Merge(string winner, string loser)
    {
        lock (State)
        {
            objects["contacts"].Remove(Number(loser));
            Set("contacts", winner, ("hs_merged_object_ids", loser));
        }
    }

    internal void Associate(string deal, string contact)
    {
        lock (State)
        {
            if (!dealContacts.TryGetValue(Number(deal), out var contacts)) dealContacts[Number(deal)] = contacts = [];
            contacts.Add(Number(contact));
        }
    }

    /// <summary>Writes to this contact are refused, or taken again.</summary>
    internal void Refuse(string contact, bool refuses = true)
    {
        lock (State) objects["contacts"][Number(contact)].Refuses = refuses;
    }

    internal void AddProperty(string name, string group)
    {
        lock (State)
        {
            groups.Add(group);
            properties[name] = group;
        }
    }

    internal void AddEvent(string id, string contact, string type, DateTimeOffset at)
    {
        lock (State) events.Add(new JsonObject { ["id"] = id, ["objectId"] = contact, ["objectType"] = "CONTACT", ["eventType"] = type, ["occurredAt"] = Moment(at), ["properties"] = new JsonObject { ["hs_url"] = "https://example.com/offer?person=1" } });
    }

    internal void Revoke(string token)
    {
        lock (State) tokens.Remove(token);
    }

    internal IReadOnlyDictionary<string, string> PropertyGroups
    {
        get
        {
            lock (State) return new Dictionary<string, string>(properties);
        }
    }

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        JsonNode? answer;
        int status;
        lock (State)
        {
            var path = http.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
            (status, answer) = path[0] == "oauth" ? Renew(body)
                : !tokens.Contains(http.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal)) ? Error(401, "EXPIRED_AUTHENTICATION")
                : Route(http.Request, path, body);
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(answer?.ToJsonString() ?? "");
    }

    private (int, JsonNode?) Route(HttpRequest request, string[] path, string body) => (request.Method, path) switch
    {
        ("GET", ["account-info", "2026-09", "details"]) => (200, new JsonObject { ["portalId"] = 4711 }),
        ("GET", ["crm", "objects", "2026-09", var type]) => List(type, request.Query),
        ("POST", ["crm", "objects", "2026-09", var type, "search"]) => Search(type, JsonNode.Parse(body)!),
        ("POST", ["crm", "objects", "2026-09", var type, "batch", "read"]) => Read(type, JsonNode.Parse(body)!),
        ("POST", ["crm", "objects", "2026-09", "contacts", "batch", "update"]) => Update(JsonNode.Parse(body)!),
        ("POST", ["crm", "associations", "2026-09", var from, var to, "batch", "read"]) => Associations(from, to, JsonNode.Parse(body)!),
        ("GET", ["crm", "properties", "2026-09", "contacts"]) => (200, new JsonObject { ["results"] = new JsonArray([.. properties.Select(p => new JsonObject { ["name"] = p.Key, ["groupName"] = p.Value })]) }),
        ("POST", ["crm", "properties", "2026-09", "contacts", "groups"]) => groups.Add((string)JsonNode.Parse(body)!["name"]!) ? (201, new JsonObject()) : Error(409, "OBJECT_ALREADY_EXISTS"),
        ("POST", ["crm", "properties", "2026-09", "contacts"]) => CreateProperty(JsonNode.Parse(body)!),
        ("GET", ["crm", "pipelines", "2026-09", "deals"]) => (200, JsonNode.Parse("""{"results":[{"id":"p","stages":[{"id":"won","label":"Closed won","metadata":{"probability":"1.0"}},{"id":"lost","label":"Closed lost","metadata":{"probability":"0.0"}},{"id":"talks","label":"Talks","metadata":{"probability":"0.4"}}]}]}""")),
        ("GET", ["events", "event-occurrences", "2026-09"]) => HasEvents ? Events(request.Query) : Error(403, "MISSING_SCOPES"),
        _ => Error(404, "NOT_FOUND"),
    };

    private (int, JsonNode?) Renew(string body)
    {
        var form = HttpUtility.ParseQueryString(body);
        if (form["refresh_token"] != RefreshToken || form["client_id"] != ClientId || form["client_secret"] != ClientSecret) return Error(400, "BAD_REFRESH_TOKEN");
        var token = $"access-{++refreshes}";
        // The old one is dead from now on.
        RefreshToken = $"refresh-{refreshes}";
        tokens.Add(token);
        return (200, new JsonObject { ["access_token"] = token, ["refresh_token"] = RefreshToken, ["expires_in"] = 1800, ["token_type"] = "bearer", ["token_use"] = "access_token" });
    }

    private (int, JsonNode?) List(string type, IQueryCollection query)
    {
        var limit = int.Parse(query["limit"].FirstOrDefault() ?? "10", CultureInfo.InvariantCulture);
        var after = Number(query["after"].FirstOrDefault() ?? "0");
        var archived = query["archived"] == "true";
        var wanted = query["properties"].ToString().Split(',');
        var page = objects[type].Where(o => o.Key > after && o.Value.Archived == archived).Take(limit + 1).ToArray();
        var results = page.Take(limit).Select(o =>
        {
            var json = Json(o.Key, o.Value, wanted);
            if (query.ContainsKey("associations"))
                json["associations"] = new JsonObject { ["contacts"] = new JsonObject { ["results"] = new JsonArray([.. ContactsOf(o.Key).Select(c => new JsonObject { ["id"] = Text(c), ["type"] = "deal_to_contact" })]) } };
            return json;
        });
        return (200, Page(results, page.Length > limit ? Text(page[limit - 1].Key) : null));
    }

    private (int, JsonNode?) Search(string type, JsonNode body)
    {
        var limit = (int)body["limit"]!;
        var offset = Number((string?)body["after"] ?? "0");
        if (limit > 200 || offset + limit > SearchCap) return Error(400, "VALIDATION_ERROR");
        var filters = body["filterGroups"]![0]!["filters"]!.AsArray().Select(f => ((string)f!["propertyName"]!, (string)f["operator"]!, Number((string)f["value"]!))).ToArray();
        var seen = time.GetUtcNow() - IndexLag;
        long Of(KeyValuePair<long, SimObject> o, string name) => name == "hs_object_id" ? o.Key : o.Value.Updated.ToUnixTimeMilliseconds();
        var hits = objects[type].Where(o => !o.Value.Archived && o.Value.Updated <= seen && filters.All(f => f.Item2 switch { "GTE" => Of(o, f.Item1) >= f.Item3, "GT" => Of(o, f.Item1) > f.Item3, _ => false })).ToArray();
        var wanted = body["properties"]!.AsArray().Select(p => (string)p!).ToArray();
        var results = hits.Skip((int)offset).Take(limit).Select(o => Json(o.Key, o.Value, wanted));
        var json = Page(results, hits.Length > offset + limit ? Text(offset + limit) : null);
        json["total"] = hits.Length;
        return (200, json);
    }

    private (int, JsonNode?) Read(string type, JsonNode body)
    {
        var wanted = body["properties"]!.AsArray().Select(p => (string)p!).ToArray();
        var ids = body["inputs"]!.AsArray().Select(i => Number((string)i!["id"]!)).ToArray();
        var found = ids.Where(i => objects[type].TryGetValue(i, out var o) && !o.Archived).ToArray();
        return (found.Length < ids.Length ? 207 : 200, new JsonObject { ["status"] = "COMPLETE", ["results"] = new JsonArray([.. found.Select(i => Json(i, objects[type][i], wanted))]) });
    }

    private (int, JsonNode?) Update(JsonNode body)
    {
        var (results, errors) = (new JsonArray(), new JsonArray());
        foreach (var input in body["inputs"]!.AsArray())
        {
            var id = Number((string)input!["id"]!);
            if (!objects["contacts"].TryGetValue(id, out var o) || o.Archived || o.Refuses)
            {
                errors.Add((JsonNode)new JsonObject { ["status"] = "error", ["category"] = o?.Refuses == true ? "VALIDATION_ERROR" : "OBJECT_NOT_FOUND", ["message"] = "no", ["context"] = new JsonObject { ["ids"] = new JsonArray(Text(id)) } });
                continue;
            }

            foreach (var (name, value) in input["properties"]!.AsObject())
            {
                if (!properties.ContainsKey(name)) return Error(400, "VALIDATION_ERROR");
                o.Properties[name] = (string?)value;
            }

            o.Updated = time.GetUtcNow();
            writes.Add((Text(id), Stopwatch.GetTimestamp()));
            results.Add((JsonNode)Json(id, o, []));
        }

        return (errors.Count > 0 ? 207 : 200, new JsonObject { ["status"] = "COMPLETE", ["results"] = results, ["errors"] = errors });
    }

    private (int, JsonNode?) Associations(string from, string to, JsonNode body)
    {
        var results = new JsonArray();
        foreach (var input in body["inputs"]!.AsArray())
        {
            var id = Number((string)input!["id"]!);
            long[] all = from == "companies" ? [.. objects["contacts"].Where(c => c.Value.Properties.GetValueOrDefault("associatedcompanyid") == Text(id)).Select(c => c.Key)] : [.. ContactsOf(id)];
            // Two a page, so that somebody must ask again.
            var after = (int)Number((string?)input["after"] ?? "0");
            if (all.Length <= after) continue;
            var pair = new JsonObject
            {
                ["from"] = new JsonObject { ["id"] = Text(id) },
                ["to"] = new JsonArray([.. all.Skip(after).Take(2).Select(t => new JsonObject { ["toObjectId"] = Text(t), ["associationTypes"] = new JsonArray() })]),
            };
            if (all.Length > after + 2) pair["paging"] = new JsonObject { ["next"] = new JsonObject { ["after"] = Text(after + 2) } };
            results.Add((JsonNode)pair);
        }

        return to == "contacts" ? (200, new JsonObject { ["status"] = "COMPLETE", ["results"] = results }) : Error(404, "NOT_FOUND");
    }

    private IEnumerable<long> ContactsOf(long deal) => dealContacts.TryGetValue(deal, out var contacts) ? contacts : [];

    private (int, JsonNode?) CreateProperty(JsonNode body)
    {
        if (!groups.Contains((string)body["groupName"]!)) return Error(400, "VALIDATION_ERROR");
        return properties.TryAdd((string)body["name"]!, (string)body["groupName"]!) ? (201, new JsonObject()) : Error(409, "OBJECT_ALREADY_EXISTS");
    }

    private (int, JsonNode?) Events(IQueryCollection query)
    {
        var from = DateTimeOffset.Parse(query["occurredAfter"]!, CultureInfo.InvariantCulture);
        var offset = (int)Number(query["after"].FirstOrDefault() ?? "0");
        var hits = events.Where(e => (string)e["eventType"]! == query["eventType"] && DateTimeOffset.Parse((string)e["occurredAt"]!, CultureInfo.InvariantCulture) >= from).OrderBy(e => (string)e["occurredAt"]!, StringComparer.Ordinal).ToArray();
        return (200, Page(hits.Skip(offset).Take(100).Select(e => (JsonObject)e.DeepClone()), hits.Length > offset + 100 ? Text(offset + 100) : null));
    }

    private static JsonObject Page(IEnumerable<JsonObject> results, string? after)
    {
        var page = new JsonObject { ["results"] = new JsonArray([.. results]) };
        if (after is not null) page["paging"] = new JsonObject { ["next"] = new JsonObject { ["after"] = after } };
        return page;
    }

    private static JsonObject Json(long id, SimObject o, string[] wanted)
    {
        var values = new JsonObject();
        foreach (var name in wanted.Where(n => n.Length > 0)) values[name] = name == "hs_object_id" ? Text(id) : name == "createdate" ? Moment(o.Created) : o.Properties.GetValueOrDefault(name);
        return new JsonObject { ["id"] = Text(id), ["properties"] = values, ["createdAt"] = Moment(o.Created), ["updatedAt"] = Moment(o.Updated), ["archived"] = o.Archived };
    }

    private static (int, JsonNode?) Error(int status, string category) => (status, new JsonObject { ["status"] = "error", ["category"] = category, ["message"] = "secret@example.com cannot be told" });

    private static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
