using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Klaviyo;

/// <summary>Klaviyo with state: profiles by the moment of change, events by their moment, pages by cursor, a revision that must be named, a steady limit of requests a minute.</summary>
internal sealed partial class KlaviyoSimulator(TimeProvider time) : VendorSimulator("klaviyo")
{
    internal const string Key = "pk_test";
    private const int AMinute = 750;
    private const int ASecond = 75;

    private readonly Dictionary<string, (JsonObject Attributes, DateTimeOffset Updated)> profiles = [];
    private readonly List<(string Id, string Profile, string Metric, DateTimeOffset At, JsonObject Properties)> events = [];
    private readonly List<string> metrics = ["Received Email", "Opened Email", "Clicked Email"];
    private readonly List<DateTimeOffset> requests = [];

    private readonly List<(JsonArray Errors, int Looks)> jobs = [];

    /// <summary>Whether the key has the scopes of lists, which jobs need.</summary>
    internal bool HasLists { get; set; } = true;

    /// <summary>Whether errors of jobs bring along what was sent.</summary>
    internal bool ErrorsTellWhose { get; set; } = true;

    /// <summary>How often a job is looked at until it is done.</summary>
    internal int LooksOfAJob { get; set; } = 3;

    /// <summary>How often a limit was broken.</summary>
    internal int Throttled { get; private set; }

    internal static async Task<KlaviyoSimulator> StartAsync(TimeProvider time)
    {
        var simulator = new KlaviyoSimulator(time);
        await simulator.StartAsync();
        return simulator;
    }

    internal string Add(string email)
    {
        lock (State)
        {
            var id = $"P{profiles.Count:00000}";
            profiles[id] = (new JsonObject
            {
                ["email"] = email, ["title"] = "Buyer", ["created"] = Moment(time.GetUtcNow()), ["updated"] = Moment(time.GetUtcNow()), ["location"] = new JsonObject { ["city"] = "Ulm" },
                ["properties"] = new JsonObject { ["plan"] = "pro", ["visits"] = 3, ["$source"] = "x", ["tags"] = new JsonArray("a") },
            }, time.GetUtcNow());
            return id;
        }
    }

    internal void Set(string id, string name, string value)
    {
        lock (State)
        {
            profiles[id].Attributes["properties"]![name] = value;
            profiles[id] = (profiles[id].Attributes, time.GetUtcNow());
        }
    }

    internal void Delete(string id)
    {
        lock (State) profiles.Remove(id);
    }

    internal JsonNode? Property(string id, string name)
    {
        lock (State) return profiles[id].Attributes["properties"]![name]?.DeepClone();
    }

    internal void AddEvent(string id, string profile, string metric, DateTimeOffset at, params (string Name, JsonNode Value)[] properties)
    {
        lock (State)
        {
            if (!metrics.Contains(metric)) metrics.Add(metric);
            events.Add((id, profile, metric, at, new JsonObject(properties.Select(p => KeyValuePair.Create(p.Name, (JsonNode?)p.Value)))));
        }
    }

    protected override Task AnswerAsync(HttpContext http, string body)
    {
        JsonNode? answer;
        int status;
        lock (State)
        {
            var now = time.GetUtcNow();
            requests.Add(now);
            var inTheMinute = requests.Count(r => r > now.AddMinutes(-1));
            http.Response.Headers["RateLimit-Remaining"] = Math.Max(0, AMinute - inTheMinute).ToString(CultureInfo.InvariantCulture);
            http.Response.Headers["RateLimit-Reset"] = "7";
            if (http.Request.Headers.Authorization != "Klaviyo-API-Key " + Key) (status, answer) = Error(401, "not_authenticated");
            else if (http.Request.Headers["revision"] != "2026-07-15") (status, answer) = Error(400, "invalid_revision");
            else if (inTheMinute > AMinute || requests.Count(r => r > now.AddSeconds(-1)) > ASecond)
            {
                Throttled++;
                http.Response.Headers.RetryAfter = "7";
                (status, answer) = Error(429, "throttled");
            }
            else (status, answer) = Route(http.Request, body);
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = "application/vnd.api+json";
        return http.Response.WriteAsync(answer?.ToJsonString() ?? "");
    }

    private (int, JsonNode?) Route(HttpRequest request, string body) => (request.Method, request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries)[1..]) switch
    {
        ("GET", ["accounts"]) => (200, new JsonObject { ["data"] = new JsonArray(new JsonObject { ["type"] = "account", ["id"] = "ACC1" }) }),
        ("GET", ["metrics"]) => Page(request, metrics.Select(m => new JsonObject { ["type"] = "metric", ["id"] = "M" + metrics.IndexOf(m).ToString(CultureInfo.InvariantCulture), ["attributes"] = new JsonObject { ["name"] = m } }), 2),
        ("GET", ["profiles"]) => Profiles(request),
        ("GET", ["profiles", var id]) => profiles.ContainsKey(id) ? (200, new JsonObject { ["data"] = Profile(id) }) : Error(404, "not_found"),
        ("PATCH", ["profiles", var id]) => Patch(id, JsonNode.Parse(body)!),
        ("GET", ["events"]) => Events(request),
        (_, ["profile-bulk-import-jobs", ..]) when !HasLists => Error(403, "permission_denied"),
        ("POST", ["profile-bulk-import-jobs"]) => Import(JsonNode.Parse(body)!),
        ("GET", ["profile-bulk-import-jobs", var id]) => Job(int.Parse(id, CultureInfo.InvariantCulture)),
        ("GET", ["profile-bulk-import-jobs", var id, "import-errors"]) =>
            Page(request, jobs[int.Parse(id, CultureInfo.InvariantCulture)].Errors.Select(e => (JsonObject)e!.DeepClone()), int.Parse(request.Query["page[size]"]!, CultureInfo.InvariantCulture)),
        _ => Error(404, "not_found"),
    };

    private (int, JsonNode?) Profiles(HttpRequest request)
    {
        var from = From(request, ProfileFilter());
        return Page(request, profiles.Where(p => p.Value.Updated > from).OrderBy(p => p.Value.Updated).ThenBy(p => p.Key, StringComparer.Ordinal).Select(p => Profile(p.Key)), int.Parse(request.Query["page[size]"]!, CultureInfo.InvariantCulture));
    }

    private (int, JsonNode?) Events(HttpRequest request)
    {
        var from = From(request, EventFilter());
        return Page(request, events.Where(e => e.At >= from).OrderBy(e => e.At).Select(e => new JsonObject
        {
            ["type"] = "event", ["id"] = e.Id, ["attributes"] = new JsonObject { ["datetime"] = Moment(e.At), ["timestamp"] = e.At.ToUnixTimeSeconds(), ["event_properties"] = e.Properties.DeepClone() },
            ["relationships"] = new JsonObject
            {
                ["profile"] = new JsonObject { ["data"] = new JsonObject { ["type"] = "profile", ["id"] = e.Profile } },
                ["metric"] = new JsonObject { ["data"] = new JsonObject { ["type"] = "metric", ["id"] = "M" + metrics.IndexOf(e.Metric).ToString(CultureInfo.InvariantCulture) } },
            },
        }), int.Parse(request.Query["page[size]"]!, CultureInfo.InvariantCulture));
    }

    private static DateTimeOffset From(HttpRequest request, Regex filter) =>
        request.Query["filter"].FirstOrDefault() is { } text ? DateTimeOffset.Parse(filter.Match(text).Groups["at"].Value, CultureInfo.InvariantCulture) : DateTimeOffset.MinValue;

    [GeneratedRegex(@"^greater-than\(updated,(?<at>[^)]+)\)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ProfileFilter();

    [GeneratedRegex(@"^greater-or-equal\(datetime,(?<at>[^)]+)\)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex EventFilter();

    private JsonObject Profile(string id) => new() { ["type"] = "profile", ["id"] = id, ["attributes"] = profiles[id].Attributes.DeepClone() };

    private (int, JsonNode?) Patch(string id, JsonNode body)
    {
        if (!profiles.ContainsKey(id)) return Error(404, "not_found");
        if ((string)body["data"]!["id"]! != id) return Error(400, "invalid");
        foreach (var (name, value) in body["data"]!["attributes"]!["properties"]!.AsObject())
        {
            if (value?.ToString() == "refuse") return Error(400, "invalid");
            profiles[id].Attributes["properties"]![name] = value?.DeepClone();
        }

        profiles[id] = (profiles[id].Attributes, time.GetUtcNow());
        return (200, new JsonObject { ["data"] = Profile(id) });
    }

    /// <summary>As a job does: what can be written is, one by one; a profile that is not there, named by its id alone, cannot be made.</summary>
    private (int, JsonNode?) Import(JsonNode body)
    {
        var errors = new JsonArray();
        foreach (var profile in body["data"]!["attributes"]!["profiles"]!["data"]!.AsArray())
        {
            var id = (string)profile!["id"]!;
            var (status, _) = Patch(id, new JsonObject { ["data"] = profile.DeepClone() });
            if (status == 200) continue;
            errors.Add((JsonNode)new JsonObject
            {
                ["type"] = "import-error", ["id"] = id,
                ["attributes"] = new JsonObject
                {
                    ["code"] = "invalid", ["title"] = "No", ["detail"] = "somebody@example.com", ["source"] = new JsonObject { ["pointer"] = "/data" }, ["original_payload"] = ErrorsTellWhose ? new JsonObject { ["id"] = id } : null,
                },
            });
        }

        jobs.Add((errors, 0));
        return (202, JobJson(jobs.Count - 1, "queued"));
    }

    private (int, JsonNode?) Job(int id)
    {
        jobs[id] = (jobs[id].Errors, jobs[id].Looks + 1);
        return (200, JobJson(id, jobs[id].Looks >= LooksOfAJob ? "complete" : "processing"));
    }

    private JsonObject JobJson(int id, string status) => new()
    {
        ["data"] = new JsonObject
        {
            ["type"] = "profile-bulk-import-job", ["id"] = id.ToString(CultureInfo.InvariantCulture),
            ["attributes"] = new JsonObject { ["status"] = status, ["created_at"] = Moment(time.GetUtcNow()), ["total_count"] = 1, ["failed_count"] = status == "complete" ? jobs[id].Errors.Count : 0 },
        },
    };

    private (int, JsonNode?) Page(HttpRequest request, IEnumerable<JsonObject> all, int size)
    {
        var offset = request.Query["page[cursor]"].FirstOrDefault() is { } cursor ? int.Parse(cursor.Replace("c=", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) : 0;
        var page = all.Skip(offset).Take(size + 1).ToArray();
        // With a sign in it that must be escaped.
        var next = page.Length > size ? new Uri(Url, $"{request.Path}?page%5Bcursor%5D={Uri.EscapeDataString($"c={offset + size}")}").AbsoluteUri : null;
        return (200, new JsonObject { ["data"] = new JsonArray([.. page.Take(size)]), ["links"] = new JsonObject { ["self"] = Url.AbsoluteUri, ["next"] = next } });
    }

    private static (int, JsonNode?) Error(int status, string code) => (status, new JsonObject { ["errors"] = new JsonArray(new JsonObject { ["id"] = "x", ["status"] = status, ["code"] = code, ["title"] = "No", ["detail"] = "somebody@example.com" }) });

    private static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
