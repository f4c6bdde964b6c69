using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.SendGrid;

/// <summary>SendGrid with state: messages without pages, at most six requests a minute for them; contacts found by address; custom fields; writes as jobs that end later.</summary>
internal sealed partial class SendGridSimulator(TimeProvider time) : VendorSimulator("sendgrid")
{
    internal const string Key = "SG.test";
    private const int MessagesAMinute = 6;

    private readonly List<JsonObject> messages = [];
    private readonly Dictionary<string, JsonObject> contacts = [];
    private readonly Dictionary<string, (string Id, string Type)> fields = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, (string Status, int Looks)> jobs = [];
    private readonly List<DateTimeOffset> messageRequests = [];
    private readonly HashSet<string> refused = [];

    /// <summary>How often a job is looked at before it is done.</summary>
    internal int LooksUntilDone { get; set; } = 2;

    internal bool HasEmailActivity { get; set; } = true;

    internal static async Task<SendGridSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new SendGridSimulator(time);
        await simulator.StartAsync();
        return simulator;
    }

    /// <summary>The contract shows custom fields by the id of an example, w1, as the only one there is.</summary>
    protected override bool IsContractsFault(string violation) => CustomFieldPattern().IsMatch(violation);

    [GeneratedRegex(@"body\.contacts\[\]\.custom_fields\.[ew][0-9]+_[NT] is not declared$", RegexOptions.CultureInvariant)]
    private static partial Regex CustomFieldPattern();

    internal void AddMessage(string id, string to, DateTimeOffset at, string status = "delivered", int opens = 0, int clicks = 0)
    {
        lock (State)
        {
            messages.RemoveAll(m => (string)m["msg_id"]! == id);
            messages.Add(new JsonObject
            {
                ["from_email"] = "us@example.com", ["msg_id"] = id, ["subject"] = "Hello", ["to_email"] = to, ["status"] = status, ["opens_count"] = opens, ["clicks_count"] = clicks,
                ["last_event_time"] = at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            });
        }
    }

    internal string AddContact(string email, string? externalId = null)
    {
        lock (State)
        {
            var id = $"c{contacts.Count + 1}";
            contacts[id] = new JsonObject
            {
                ["id"] = id, ["email"] = email, ["first_name"] = "Ann", ["last_name"] = "", ["external_id"] = externalId ?? "", ["phone_number_id"] = "", ["anonymous_id"] = "", ["alternate_emails"] = new JsonArray("old-" + email),
                ["custom_fields"] = new JsonObject { ["plan"] = "pro" }, ["created_at"] = "2026-11-01T00:00:00Z", ["updated_at"] = "2026-11-01T00:00:00Z",
            };
            return id;
        }
    }

    internal void Delete(string id)
    {
        lock (State) contacts.Remove(id);
    }

    /// <summary>Jobs with this contact do not go well.</summary>
    internal void Refuse(string id)
    {
        lock (State) refused.Add((string)contacts[id]["email"]!);
    }

    internal void AddField(string name, string type)
    {
        lock (State) fields[name] = ($"e{fields.Count + 1}_{type[0]}", type);
    }

    internal int Contacts
    {
        get
        {
            lock (State) return contacts.Count;
        }
    }

    internal string? Custom(string id, string name)
    {
        lock (State) return contacts[id]["custom_fields"]![name]?.ToString();
    }

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        JsonNode? answer;
        int status;
        lock (State)
        {
            (status, answer) = http.Request.Headers.Authorization != "Bearer " + Key ? Error(401) : Route(http, body);
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(answer?.ToJsonString() ?? "");
    }

    private (int, JsonNode?) Route(HttpContext http, string body) => (http.Request.Method, http.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries)[1..]) switch
    {
        ("GET", ["scopes"]) => (200, new JsonObject { ["scopes"] = new JsonArray("marketing.read", "messages.read") }),
        ("GET", ["messages"]) => HasEmailActivity ? Messages(http) : Error(403),
        ("POST", ["marketing", "contacts", "batch"]) => Batch(JsonNode.Parse(body)!),
        ("POST", ["marketing", "contacts", "search", "emails"]) => ByEmail(JsonNode.Parse(body)!),
        ("GET", ["marketing", "field_definitions"]) => (200, new JsonObject { ["custom_fields"] = new JsonArray([.. fields.Select(f => new JsonObject { ["id"] = f.Value.Id, ["name"] = f.Key, ["field_type"] = f.Value.Type })]), ["reserved_fields"] = new JsonArray() }),
        ("POST", ["marketing", "field_definitions"]) => CreateField(JsonNode.Parse(body)!),
        ("PUT", ["marketing", "contacts"]) => Upsert(JsonNode.Parse(body)!),
        ("GET", ["marketing", "contacts", "imports", var job]) => Job(job),
        _ => Error(404),
    };

    private (int, JsonNode?) Messages(HttpContext http)
    {
        messageRequests.Add(time.GetUtcNow());
        if (messageRequests.Count(r => r > time.GetUtcNow() - TimeSpan.FromMinutes(1)) > MessagesAMinute)
        {
            http.Response.Headers["X-RateLimit-Reset"] = time.GetUtcNow().AddMinutes(1).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            return Error(429);
        }

        var window = WindowPattern().Match(http.Request.Query["query"]!);
        if (!window.Success) return Error(400);
        var (from, to) = (window.Groups["from"].Value, window.Groups["to"].Value);
        var hits = messages.Where(m => string.CompareOrdinal((string)m["last_event_time"]!, from) >= 0 && string.CompareOrdinal((string)m["last_event_time"]!, to) <= 0).OrderByDescending(m => (string)m["last_event_time"]!, StringComparer.Ordinal);
        return (200, new JsonObject { ["messages"] = new JsonArray([.. hits.Take(int.Parse(http.Request.Query["limit"]!, CultureInfo.InvariantCulture)).Select(m => m.DeepClone())]) });
    }

    [GeneratedRegex("^last_event_time BETWEEN TIMESTAMP \"(?<from>[^\"]+)\" AND TIMESTAMP \"(?<to>[^\"]+)\"$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex WindowPattern();

    private (int, JsonNode?) Batch(JsonNode body)
    {
        var found = body["ids"]!.AsArray().Select(i => contacts.GetValueOrDefault((string)i!)).OfType<JsonObject>().ToArray();
        return found.Length == 0 ? Error(404) : (200, new JsonObject { ["result"] = new JsonArray([.. found.Select(c => c.DeepClone())]) });
    }

    private (int, JsonNode?) ByEmail(JsonNode body)
    {
        var result = new JsonObject();
        foreach (var email in body["emails"]!.AsArray().Select(e => (string)e!))
        {
            var hit = contacts.Values.FirstOrDefault(c => (string)c["email"]! == email);
            result[email] = hit is null ? new JsonObject { ["error"] = "contact not found" } : new JsonObject { ["contact"] = hit.DeepClone() };
        }

        return result.All(r => r.Value!["contact"] is null) ? Error(404) : (200, new JsonObject { ["result"] = result });
    }

    private (int, JsonNode?) CreateField(JsonNode body)
    {
        var name = (string)body["name"]!;
        if (fields.ContainsKey(name)) return Error(400);
        AddField(name, (string)body["field_type"]!);
        return (200, new JsonObject { ["id"] = fields[name].Id, ["name"] = name, ["field_type"] = fields[name].Type });
    }

    private (int, JsonNode?) Upsert(JsonNode body)
    {
        var job = $"job{jobs.Count + 1}";
        var all = body["contacts"]!.AsArray();
        var bad = all.Any(c => refused.Contains((string)c!["email"]!));
        foreach (var given in bad ? [] : all)
        {
            // Another set of identifiers is another contact.
            var contact = contacts.Values.FirstOrDefault(c => (string)c["email"]! == (string)given!["email"]! && (string)c["external_id"]! == ((string?)given["external_id"] ?? ""));
            contact ??= contacts[AddContact((string)given!["email"]!, (string?)given["external_id"])];
            foreach (var (id, value) in given!["custom_fields"]!.AsObject()) contact["custom_fields"]![fields.Single(f => f.Value.Id == id).Key] = value?.DeepClone();
        }

        jobs[job] = (bad ? "errored" : "completed", 0);
        return (202, new JsonObject { ["job_id"] = job });
    }

    private (int, JsonNode?) Job(string job)
    {
        var (status, looks) = jobs[job];
        jobs[job] = (status, looks + 1);
        return (200, new JsonObject { ["id"] = job, ["status"] = looks < LooksUntilDone ? "pending" : status, ["job_type"] = "upsert" });
    }

    private static (int, JsonNode?) Error(int status) => (status, new JsonObject { ["errors"] = new JsonArray(new JsonObject { ["field"] = null, ["message"] = "no" }) });
}
