using System.Globalization;
using System.Text.Json.Nodes;
using LeadScoring.Connectors.Mailchimp;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Mailchimp;

/// <summary>Mailchimp with state: audiences, members by the hash of their address, merge fields, campaigns with their reports; the eleventh request at a time is refused.</summary>
internal sealed class MailchimpSimulator(TimeProvider time) : VendorSimulator("mailchimp")
{
    internal const string Key = "0123456789abcdef0123456789abcdef-us6";
    private const int MostAtOnce = 10;

    private readonly Dictionary<string, Dictionary<string, JsonObject>> members = [];
    private readonly Dictionary<string, List<JsonObject>> fields = [];
    private readonly Dictionary<string, SimCampaign> campaigns = [];
    private int atOnce;

    private sealed record SimCampaign(string List, DateTimeOffset SentAt)
    {
        internal HashSet<string> SentTo { get; } = [];
        internal List<(string Hash, string Action, DateTimeOffset At, string? Url)> Actions { get; } = [];
        internal Dictionary<string, DateTimeOffset> Unsubscribed { get; } = [];
    }

    /// <summary>Most requests that were being answered at a time.</summary>
    internal int Peak { get; private set; }

    /// <summary>How long every answer takes: long enough that requests meet.</summary>
    internal TimeSpan Pace { get; set; } = TimeSpan.Zero;

    internal static async Task<MailchimpSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new MailchimpSimulator(time);
        await simulator.StartAsync();
        return simulator;
    }

    internal string AddAudience(string id)
    {
        lock (State) (members[id], fields[id]) = ([], [new JsonObject { ["tag"] = "FNAME", ["name"] = "First name", ["type"] = "text", ["help_text"] = "" }]);
        return id;
    }

    internal string Add(string list, string email, string? firstName = null)
    {
        var hash = MailchimpMembers.Hash(email);
        lock (State)
        {
            members[list][hash] = new JsonObject
            {
                ["id"] = hash, ["list_id"] = list, ["email_address"] = email, ["status"] = "subscribed", ["merge_fields"] = new JsonObject { ["FNAME"] = firstName ?? "" }, ["timestamp_signup"] = "",
                ["timestamp_opt"] = Moment(time.GetUtcNow()), ["last_changed"] = Moment(time.GetUtcNow()), ["member_rating"] = 2, ["stats"] = new JsonObject { ["avg_open_rate"] = 0.25, ["avg_click_rate"] = 0 },
                ["location"] = new JsonObject { ["country_code"] = "DE", ["timezone"] = "Europe/Berlin" },
            };
        }

        return $"{list}-{hash}";
    }

    internal void Change(string id, Action<JsonObject> change)
    {
        lock (State)
        {
            var member = members[id.Split('-')[0]][id.Split('-')[1]];
            change(member);
            member["last_changed"] = Moment(time.GetUtcNow());
        }
    }

    internal void Delete(string id)
    {
        lock (State) members[id.Split('-')[0]].Remove(id.Split('-')[1]);
    }

    internal string? MergeValue(string id, string tag)
    {
        lock (State) return members[id.Split('-')[0]][id.Split('-')[1]]["merge_fields"]![tag]?.ToString();
    }

    internal void AddField(string list, string tag, string help)
    {
        lock (State) fields[list].Add(new JsonObject { ["tag"] = tag, ["name"] = tag, ["type"] = "text", ["help_text"] = help });
    }

    internal IReadOnlyList<string> Tags(string list)
    {
        lock (State) return [.. fields[list].Select(f => (string)f["tag"]!)];
    }

    internal void Send(string campaign, string list, DateTimeOffset at, params string[] ids)
    {
        lock (State)
        {
            campaigns[campaign] = new SimCampaign(list, at);
            campaigns[campaign].SentTo.UnionWith(ids.Select(i => i.Split('-')[1]));
        }
    }

    internal void Act(string campaign, string id, string action, DateTimeOffset at, string? url = null)
    {
        lock (State) campaigns[campaign].Actions.Add((id.Split('-')[1], action, at, url));
    }

    internal void Unsubscribe(string campaign, string id, DateTimeOffset at)
    {
        lock (State) campaigns[campaign].Unsubscribed[id.Split('-')[1]] = at;
    }

    protected override async Task AnswerAsync(HttpContext http, string body)
    {
        JsonNode? answer;
        int status;
        lock (State) Peak = Math.Max(Peak, ++atOnce);
        try
        {
            if (Pace > TimeSpan.Zero) await Task.Delay(Pace, http.RequestAborted);
            lock (State)
            {
                var expected = "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes("any:" + Key));
                (status, answer) = http.Request.Headers.Authorization != expected ? Error(401, "API Key Invalid") : atOnce > MostAtOnce ? Error(429, "Too Many Requests")
                    : Route(http.Request, http.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries)[1..], body);
            }
        }
        finally
        {
            lock (State) atOnce--;
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = status < 400 ? "application/json" : "application/problem+json";
        await http.Response.WriteAsync(answer?.ToJsonString() ?? "");
    }

    private (int, JsonNode?) Route(HttpRequest request, string[] path, string body) => (request.Method, path) switch
    {
        ("GET", []) => (200, new JsonObject { ["account_id"] = "acc1" }),
        ("GET", ["lists"]) => (200, new JsonObject { ["lists"] = new JsonArray([.. members.Keys.Select(k => new JsonObject { ["id"] = k })]) }),
        ("GET", ["lists", var list, "members"]) => members.TryGetValue(list, out var all) ? Members(all, request.Query) : Error(404, "Resource Not Found"),
        ("GET", ["lists", var list, "members", var hash]) => Find(list, hash) is { } member ? (200, member.DeepClone()) : Error(404, "Resource Not Found"),
        ("PATCH", ["lists", var list, "members", var hash]) => Patch(list, hash, JsonNode.Parse(body)!),
        ("GET", ["lists", var list, "merge-fields"]) => fields.TryGetValue(list, out var all) ? (200, new JsonObject { ["merge_fields"] = new JsonArray([.. all.Select(f => f.DeepClone())]) }) : Error(404, "Resource Not Found"),
        ("POST", ["lists", var list, "merge-fields"]) => CreateField(list, (JsonObject)JsonNode.Parse(body)!),
        ("GET", ["reports"]) => Reports(request.Query),
        ("GET", ["reports", var campaign, var part]) => campaigns.TryGetValue(campaign, out var found) ? (200, Report(found, part, request.Query)) : Error(404, "Resource Not Found"),
        _ => Error(404, "Resource Not Found"),
    };

    private JsonObject? Find(string list, string hash) => members.TryGetValue(list, out var all) ? all.GetValueOrDefault(hash) : null;

    private static (int, JsonNode?) Members(Dictionary<string, JsonObject> all, IQueryCollection query)
    {
        var since = query["since_last_changed"].FirstOrDefault();
        var hits = all.Values.Where(m => (string)m["status"]! == "archived" == (query["status"] == "archived"))
            .Where(m => since is null || Parse((string)m["last_changed"]!) > Parse(since)).OrderBy(m => (string)m["last_changed"]!, StringComparer.Ordinal).ThenBy(m => (string)m["id"]!, StringComparer.Ordinal).ToArray();
        return (200, new JsonObject { ["members"] = new JsonArray([.. Page(hits, query).Select(m => m.DeepClone())]), ["total_items"] = hits.Length });
    }

    private (int, JsonNode?) Patch(string list, string hash, JsonNode body)
    {
        if (Find(list, hash) is not { } member) return Error(404, "Resource Not Found");
        foreach (var (tag, value) in body["merge_fields"]!.AsObject())
        {
            var field = fields[list].FirstOrDefault(f => (string)f["tag"]! == tag);
            if (field is null || ((string)field["type"]! == "number" && value?.GetValueKind() != System.Text.Json.JsonValueKind.Number)) return Error(400, "Invalid Resource");
            member["merge_fields"]![tag] = value?.DeepClone();
        }

        member["last_changed"] = Moment(time.GetUtcNow());
        return (200, member.DeepClone());
    }

    private (int, JsonNode?) CreateField(string list, JsonObject field)
    {
        var tag = (string)field["tag"]!;
        if (tag.Length > 10 || fields[list].Count >= 30 || fields[list].Any(f => (string)f["tag"]! == tag)) return Error(400, "Invalid Resource");
        fields[list].Add(field);
        return (200, field.DeepClone());
    }

    private (int, JsonNode?) Reports(IQueryCollection query)
    {
        var since = Parse(query["since_send_time"]!);
        var hits = campaigns.Where(c => c.Value.SentAt > since).OrderByDescending(c => c.Value.SentAt).ToArray();
        return (200, new JsonObject { ["reports"] = new JsonArray([.. Page(hits, query).Select(c => new JsonObject { ["id"] = c.Key, ["send_time"] = Moment(c.Value.SentAt), ["unsubscribed"] = c.Value.Unsubscribed.Count })]) });
    }

    private static JsonObject Report(SimCampaign campaign, string part, IQueryCollection query)
    {
        JsonObject Of(string hash) => new() { ["email_id"] = hash, ["list_id"] = campaign.List };
        if (part == "sent-to")
        {
            return new JsonObject { ["sent_to"] = new JsonArray([.. Page(campaign.SentTo.Order(StringComparer.Ordinal).ToArray(), query).Select(h => Of(h))]) };
        }

        if (part == "unsubscribed")
        {
            return new JsonObject
            {
                ["unsubscribes"] = new JsonArray([.. Page(campaign.Unsubscribed.ToArray(), query).Select(u =>
                {
                    var json = Of(u.Key);
                    json["timestamp"] = Moment(u.Value);
                    return json;
                })]),
            };
        }

        var since = query["since"].FirstOrDefault() is { } s ? Parse(s) : DateTimeOffset.MinValue;
        var people = campaign.Actions.Where(a => a.At > since).GroupBy(a => a.Hash).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
        return new JsonObject
        {
            ["emails"] = new JsonArray([.. Page(people, query).Select(g =>
            {
                var json = Of(g.Key);
                json["activity"] = new JsonArray([.. g.Select(a => new JsonObject { ["action"] = a.Action, ["timestamp"] = Moment(a.At), ["url"] = a.Url })]);
                return json;
            })]),
        };
    }

    private static IEnumerable<T> Page<T>(T[] all, IQueryCollection query) =>
        all.Skip(int.Parse(query["offset"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture)).Take(int.Parse(query["count"].FirstOrDefault() ?? "10", CultureInfo.InvariantCulture));

    private static (int, JsonNode?) Error(int status, string title) => (status, new JsonObject { ["type"] = "https://mailchimp.com/developer/marketing/docs/errors/", ["title"] = title, ["status"] = status, ["detail"] = "somebody@example.com", ["instance"] = "x" });

    private static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'+00:00'", CultureInfo.InvariantCulture);

    private static DateTimeOffset Parse(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
