using System.Globalization;
using System.Text.Json.Nodes;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Generic;

/// <summary>The two APIs of the examples, with state: a CRM that pages by cursor and by number, and a mail platform that pages by link and by offset.</summary>
internal sealed class GenericSimulator(TimeProvider time) : VendorSimulator(vendor: null)
{
    internal const string Token = "t0ken";

    private readonly SortedDictionary<int, (JsonObject Json, DateTimeOffset Changed)> contacts = [];
    private readonly SortedDictionary<int, (JsonObject Json, DateTimeOffset Changed)> deals = [];
    private readonly List<JsonObject> subscribers = [];
    private readonly List<(JsonObject Json, long At)> events = [];

    /// <summary>Where links to the next page lead; null: to this server, as they should.</summary>
    internal Uri? LinksTo { get; set; }

    internal static async Task<GenericSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new GenericSimulator(time);
        await simulator.StartAsync();
        return simulator;
    }

    internal int AddContact(string email, bool archived = false)
    {
        lock (State)
        {
            var id = contacts.Count + 1;
            SetContact(id, email, archived);
            return id;
        }
    }

    internal void SetContact(int id, string email, bool archived = false)
    {
        lock (State)
        {
            contacts[id] = (new JsonObject
            {
                ["id"] = id, ["emails"] = new JsonArray(new JsonObject { ["address"] = email }), ["created_at"] = "2026-11-01T00:00:00Z", ["archived"] = archived, ["name"] = new JsonObject { ["first"] = "Ann" }, ["position"] = "Buyer",
                ["company"] = null, ["custom_fields"] = new JsonObject(),
            }, time.GetUtcNow());
        }
    }

    internal JsonNode Custom(int id)
    {
        lock (State) return contacts[id].Json["custom_fields"]!.DeepClone();
    }

    internal void SetDeal(int id, string status, params int[] people)
    {
        lock (State)
        {
            deals[id] = (new JsonObject
            {
                ["id"] = id, ["status"] = status, ["people"] = new JsonArray([.. people.Select(p => new JsonObject { ["id"] = p })]), ["closed_at"] = "2026-11-20T10:00:00+01:00", ["value"] = new JsonObject { ["amount"] = "1200.50" },
                ["stage"] = new JsonObject { ["name"] = "Closing" },
            }, time.GetUtcNow());
        }
    }

    internal void AddSubscriber(string id) => subscribers.Add(new JsonObject { ["uuid"] = id, ["email"] = id + "@example.com", ["joined"] = 1_790_000_000, ["geo"] = new JsonObject { ["city"] = "Ulm" } });

    internal void AddEvent(string id, string kind, DateTimeOffset at) => events.Add((new JsonObject { ["id"] = id, ["kind"] = kind, ["recipient"] = "a@example.com", ["ts"] = at.ToUnixTimeSeconds(), ["link"] = "https://example.com/" }, at.ToUnixTimeSeconds()));

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        JsonNode? answer;
        lock (State)
        {
            var isIn = http.Request.Headers.Authorization == "Token token=" + Token || http.Request.Headers["X-Api-Key"] == Token;
            (http.Response.StatusCode, answer) = isIn ? Route(http, body) : (401, null);
        }

        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(answer?.ToJsonString() ?? "");
    }

    private (int, JsonNode?) Route(HttpContext http, string body) => (http.Request.Method, http.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries)) switch
    {
        ("GET", ["api", "me"]) => (200, new JsonObject()),
        ("GET", ["api", "contacts"]) => ByCursor(http.Request.Query),
        ("PATCH", ["api", "contacts", var id]) => Patch(Number(id), JsonNode.Parse(body)!),
        ("GET", ["api", "deals"]) => ByPage(http.Request.Query),
        ("GET", ["v2", "subscribers"]) => ByLink(http),
        ("GET", ["v2", "events"]) => ByOffset(http.Request.Query),
        _ => (404, null),
    };

    private (int, JsonNode?) ByCursor(IQueryCollection query)
    {
        var since = query["updated_since"].FirstOrDefault() is { } s ? DateTimeOffset.Parse(s, CultureInfo.InvariantCulture) : DateTimeOffset.MinValue;
        var after = query["cursor"].FirstOrDefault() is { } c ? Number(c["after=".Length..]) : 0;
        var limit = Number(query["limit"]!);
        var hits = contacts.Where(p => p.Key > after && p.Value.Changed >= since).Take(limit + 1).ToArray();
        return (200, new JsonObject
        {
            ["data"] = new JsonArray([.. hits.Take(limit).Select(h => h.Value.Json.DeepClone())]),
            ["meta"] = new JsonObject { ["next_cursor"] = hits.Length > limit ? $"after={hits[limit - 1].Key}" : null },
        });
    }

    private (int, JsonNode?) Patch(int id, JsonNode body)
    {
        if (!contacts.TryGetValue(id, out var contact)) return (404, null);
        foreach (var (name, value) in body["contact"]!["custom_fields"]!.AsObject())
        {
            if (value?.ToString() == "refuse") return (422, null);
            contact.Json["custom_fields"]![name] = value?.DeepClone();
        }

        return (200, new JsonObject());
    }

    private (int, JsonNode?) ByPage(IQueryCollection query)
    {
        var since = query["changed_after"].FirstOrDefault() is { } s ? DateTimeOffset.FromUnixTimeSeconds(Number(s)) : DateTimeOffset.MinValue;
        var size = Number(query["per_page"]!);
        return (200, new JsonObject { ["data"] = new JsonArray([.. deals.Where(d => d.Value.Changed >= since).Skip((Number(query["page"]!) - 1) * size).Take(size).Select(d => d.Value.Json.DeepClone())]) });
    }

    private (int, JsonNode?) ByLink(HttpContext http)
    {
        var size = Number(http.Request.Query["per_page"]!);
        var from = Number(http.Request.Query["from"].FirstOrDefault() ?? "0");
        var first = new Uri(LinksTo ?? Url, $"/v2/subscribers?per_page={size}&from=0");
        if (subscribers.Count > from + size) http.Response.Headers.Link = $"<{first}>; rel=\"first\", <{new Uri(LinksTo ?? Url, $"/v2/subscribers?per_page={size}&from={from + size}")}>; rel=\"next\"";
        return (200, new JsonArray([.. subscribers.Skip(from).Take(size).Select(s => s.DeepClone())]));
    }

    private (int, JsonNode?) ByOffset(IQueryCollection query)
    {
        var since = Number(query["after"].FirstOrDefault() ?? "0");
        return (200, new JsonObject { ["events"] = new JsonArray([.. events.Where(e => e.At >= since).OrderBy(e => e.At).Skip(Number(query["offset"]!)).Take(Number(query["count"]!)).Select(e => e.Json.DeepClone())]) });
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
