using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LeadScoring.Sidecar.Tests.Fuzzing;

/// <summary>A request that may be wrong in any way that can be said in HTTP.</summary>
internal sealed record FuzzRequest(int Number, string Operation, string Method, string Target, string? ContentType, byte[]? Body, string? IdempotencyKey)
{
    /// <summary>What it takes to see it again; long bodies cut.</summary>
    public override string ToString() =>
        $"request {Number} ({Operation}): {Method} {Cut(Target)} {ContentType} {IdempotencyKey} {(Body is null ? "" : Cut(Encoding.Latin1.GetString(Body)).ReplaceLineEndings("\\n"))}";

    private static string Cut(string text) => text.Length <= 500 ? text : $"{text[..400]}... ({text.Length} characters)";
}

/// <summary>Requests for every operation of an OpenAPI document: plausible ones, and the same with faults. A seed and a number always give the same request.</summary>
/// <param name="openApi">The document.</param>
/// <param name="known">Values that exist, by the name of the path parameter.</param>
/// <param name="bundle">A model bundle for routes that take a zip; null: made-up bytes.</param>
internal sealed class OpenApiFuzzer(JsonElement openApi, IReadOnlyDictionary<string, string[]> known, byte[]? bundle, int seed)
{
    private sealed record Operation(string Id, string Method, string Path, JsonElement Json);

    /// <summary>Bodies that the document describes in words only, one per operation. Operations without one get any JSON, new ones included.</summary>
    private static readonly Dictionary<string, string> Examples = new()
    {
        ["PutSampling"] = """{"exploration_share":0.05,"hold_out_share":0.01}""",
        ["PostOutcomes"] = """{"outcomes":[{"lead_id":"l1","converted":true,"occurred_at":"2026-05-01T10:00:00Z","as_of":"2026-04-01T10:00:00Z","revenue":1200.5,"stage":"won","source":"crm","final":true},{"lead_id":"l2","converted":false,"occurred_at":1760000000000}]}""",
        ["PutGates"] = """{"max_ece":0.1,"min_auc_gain":0.001}""",
        ["PutLead"] = """{"attributes":{"property_type":"house","budget":450000,"email":"a@example.com","is_owner":true,"none":null},"created_at":"2026-01-02T03:04:05Z"}""",
        ["PutLeads"] = """{"leads":[{"lead_id":"l1","attributes":{"budget":1}},{"lead_id":"l9","attributes":{"city":"Köln"},"created_at":1760000000000}]}""",
        ["PostEvents"] = """{"events":[{"event_id":"e1","lead_id":"l1","type":"page_view","source":"website","occurred_at":"2026-05-01T10:00:00Z","properties":{"url":"/a","minutes":3,"ok":true}},{"lead_id":"l2","type":"email_open","source":"email","occurred_at":1760000000000}]}""",
        ["WhatIf"] = """{"lead":{"budget":500000,"property_type":"house"},"events":[{"event_id":"w1","type":"page_view","source":"website","occurred_at":"2026-05-01T10:00:00Z"}],"features":{"budget":1}}""",
        ["PostActions"] = """{"actions":[{"action_id":"call","done_at":"2026-05-01T10:00:00Z","channel":"phone","result":"answered"}]}""",
        ["StartTraining"] = """{"promote":"never","settings":{"folds":3,"seed":7,"gradient_boosting":{"rounds":15,"max_depth":3}}}""",
        ["PostFeedback"] = """{"feedback":[{"lead_id":"l1","verdict":"too_high","id":"f1","by":"anna","reason":"too high","given_at":"2026-05-01T10:00:00Z"},{"lead_id":"l2","verdict":"right"}]}""",
        ["PostReview"] = """{"verdict":"right","by":"anna","comment":"fine"}""",
        ["PutOverride"] = """{"grade":"A","reason":"knows the owner","by":"anna","until":"2027-01-01T00:00:00Z"}""",
        ["ScoreLead"] = """{"lead_id":"l1","scoring_type":"full","include_factors":true,"lead":{"budget":300000,"property_type":"flat"},"events":[{"event_id":"i1","type":"page_view","source":"website","occurred_at":"2026-05-01T10:00:00Z","properties":{"url":"/x"}}],"save":true}""",
    };

    private static readonly string[] Parts =
    [
        "..", ".", "%2e%2e", "%2E%2E%2F%2E%2E", "a%2Fb", "%2F", "%5C", "%00", "a%00b", "%ff", "%c0%af", "%ed%a0%80", "%", "%zz", "%0d%0aX:y", "%E2%80%AE", "%F0%9F%98%80", "*", "~", "-1", "0", "1", "2147483647", "2147483648", "-2147483649", "9999999999999999999999", "1e5", "0x1", "1.0",
        "null", "true", "NaN", "%20", "a%20b", "a+b", "a%3Fb", "a%23b", "a;b", "a,b", "a=b", "'", "%22", "%3Cscript%3E", "l1", "L1", "{leadId}", "%7B%7D", "batch", "import", "types",
    ];

    private static readonly string[] QueryValues =
    [
        "", "0", "-1", "1", "7", "200", "1000000", "2147483648", "1e400", "NaN", "Infinity", "-0", "true", "false", "TRUE", "yes", "null", "undefined", "2026-01-01", "2026-02-30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1760000000000", "-9223372036854775808",
        "A", "a", "A,B", "score", "updated", "leads", "events", "%00", "%ff", "%ed%a0%80", "%25", "%", "'", "%22", "%0d%0a", "%F0%9F%98%80", "..%2F..", "id", "lead_id", "AAAA", "eyJhIjoxfQ", "*", "%3Cscript%3E",
    ];

    private static readonly string?[] ContentTypes =
    [
        null, "text/plain", "application/xml", "application/x-ndjson", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "application/json; charset=nonsense", "application/json;;;", "application/json; charset=\"", "text/csv", "application/zip", "application/yaml",
        "application/problem+json", "x", "application/json, text/plain",
    ];

    private static readonly string[] CsvTexts =
    [
        "id,visits,city,converted\nl1,3,Ulm,yes\nl2,,\"Bad \"\"Ems\"\"\",no\n", "lead_id;event_id;type;source;occurred_at\nl1;x1;page_view;website;2026-05-01T10:00:00Z\n", "lead_id,converted,occurred_at,revenue\nl1,1,2026-05-01,100\nl2,0,2026-05-02,\n",
    ];

    private readonly Operation[] operations =
    [
        .. from path in openApi.GetProperty("paths").EnumerateObject()
           from method in path.Value.EnumerateObject()
           where method.Value.ValueKind == JsonValueKind.Object && method.Value.TryGetProperty("responses", out _)
           select new Operation(method.Value.TryGetProperty("operationId", out var id) ? id.GetString()! : path.Name, method.Name.ToUpperInvariant(), path.Name, method.Value),
    ];

    internal int Operations => operations.Length;

    /// <summary>All operations in turn.</summary>
    internal FuzzRequest Make(int number)
    {
        var operation = operations[number % operations.Length];
        var random = new Random(unchecked((seed * 1_000_003) + number));
        var target = Target(operation, random);
        var (contentType, body) = Body(operation, random);
        var method = random.Next(60) == 0 ? ((string[])["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"])[random.Next(7)] : operation.Method;
        if (method is "GET" or "HEAD" && random.Next(20) != 0) (contentType, body) = (null, null);
        var key = operation.Method == "GET" || random.Next(8) != 0 ? null : ((string[])["k1", "k2", new string('k', 300), "a b", "ü", "\u0001", ""])[random.Next(7)];
        return new FuzzRequest(number, operation.Id, method, target, contentType, body, key);
    }

    private string Target(Operation operation, Random random)
    {
        var path = new StringBuilder();
        foreach (var segment in operation.Path.Split('/')[1..])
        {
            path.Append('/');
            path.Append(segment.StartsWith('{') ? Segment(segment.Trim('{', '}'), random) : random.Next(200) == 0 ? Parts[random.Next(Parts.Length)] : segment);
        }

        if (random.Next(100) == 0) path.Append('/');
        var query = new List<string>();
        foreach (var parameter in Parameters(operation).Where(p => p.GetProperty("in").GetString() == "query"))
        {
            var name = parameter.GetProperty("name").GetString()!;
            if (random.Next(2) == 0) query.Add($"{name}={Query(random)}");
            if (random.Next(20) == 0) query.Add($"{name}={Query(random)}");
        }

        if (random.Next(30) == 0) query.Add($"{Parts[random.Next(Parts.Length)]}={Query(random)}");
        if (random.Next(60) == 0) query.Add("organization_id=another");
        return query.Count == 0 ? path.ToString() : $"{path}?{string.Join('&', query)}";
    }

    private string Segment(string name, Random random)
    {
        if (random.Next(3) > 0 && known.TryGetValue(name, out var values)) return Uri.EscapeDataString(values[random.Next(values.Length)]);
        return random.Next(40) == 0 ? new string('a', random.Next(1, 6_000)) : Parts[random.Next(Parts.Length)];
    }

    private static string Query(Random random) => random.Next(40) == 0 ? new string('9', random.Next(1, 6_000)) : QueryValues[random.Next(QueryValues.Length)];

    private static IEnumerable<JsonElement> Parameters(Operation operation) => operation.Json.TryGetProperty("parameters", out var list) ? list.EnumerateArray() : [];

    private (string? ContentType, byte[]? Body) Body(Operation operation, Random random)
    {
        string[] types = operation.Json.TryGetProperty("requestBody", out var body) ? [.. body.GetProperty("content").EnumerateObject().Select(c => c.Name)] : [];
        var takes = types.Length > 0 ? types[random.Next(types.Length)] : operation.Path.EndsWith("/imports", StringComparison.Ordinal) ? "text/csv" : null;
        if (takes is null && random.Next(10) > 0) return (null, null);
        var faults = random.Next(8) == 0 ? 0 : 1.5;
        var bytes = takes switch
        {
            "application/zip" or "application/octet-stream" => Zip(random, faults),
            "text/csv" => faults == 0 ? Encoding.UTF8.GetBytes(CsvTexts[random.Next(CsvTexts.Length)]) : FileMutation.Text(Encoding.UTF8.GetBytes(CsvTexts[random.Next(CsvTexts.Length)]), random),
            _ => HostileJson.Write(Plausible(operation, random), random, faults),
        };
        var type = random.Next(15) == 0 ? ContentTypes[random.Next(ContentTypes.Length)] : takes ?? "application/json";
        // The streams of lines that some routes take.
        if (type == "application/json" && operation.Id is "PostEvents" or "ScoreLeads" && random.Next(3) == 0) return ("application/x-ndjson", Lines(operation, random, faults));
        return (type, bytes);
    }

    private byte[] Lines(Operation operation, Random random, double faults)
    {
        var lines = new List<byte>();
        for (var n = random.Next(1, 6); n > 0; n--)
        {
            var item = Plausible(operation, random) is JsonObject o && o.Count > 0 && o.First().Value is JsonArray { Count: > 0 } a ? a[0]?.DeepClone() : Plausible(operation, random);
            lines.AddRange(HostileJson.Write(item, random, faults));
            lines.AddRange(random.Next(10) == 0 ? "\r\n\r\n"u8 : "\n"u8);
        }

        return [.. lines];
    }

    private byte[] Zip(Random random, double faults)
    {
        // Reading a whole bundle takes long: it comes whole once in a while only.
        if (bundle is null || random.Next(4) > 0) return faults == 0 ? "PK\u0003\u0004"u8.ToArray() : HostileJson.Spoil(Encoding.ASCII.GetBytes("PK\u0003\u0004 not a zip"), random);
        return faults == 0 && random.Next(4) == 0 ? bundle : FileMutation.Bundle(bundle, random);
    }

    private JsonNode? Plausible(Operation operation, Random random)
    {
        if (Examples.TryGetValue(operation.Id, out var example)) return JsonNode.Parse(example);
        if (!operation.Json.TryGetProperty("requestBody", out var body)) return new JsonObject { ["a"] = 1 };
        var content = body.GetProperty("content");
        var schema = content.TryGetProperty("application/json", out var json) && json.TryGetProperty("schema", out var described) ? described : default;
        return Of(schema, random, 0);
    }

    private JsonNode? Of(JsonElement schema, Random random, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > 8) return Anything(random);
        if (schema.TryGetProperty("$ref", out var reference)) return Of(openApi.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]), random, depth + 1);
        if (schema.TryGetProperty("oneOf", out var oneOf)) return Of(oneOf[random.Next(oneOf.GetArrayLength())], random, depth + 1);
        if (schema.TryGetProperty("enum", out var choices)) return JsonNode.Parse(choices[random.Next(choices.GetArrayLength())].GetRawText());
        var type = !schema.TryGetProperty("type", out var stated) ? null : stated.ValueKind == JsonValueKind.String ? stated.GetString() : stated.EnumerateArray().Select(t => t.GetString()).First(t => t != "null");
        switch (type)
        {
            case "object":
                var o = new JsonObject();
                if (schema.TryGetProperty("properties", out var properties))
                {
                    foreach (var property in properties.EnumerateObject())
                    {
                        if (property.Name != "organization_id" && random.Next(4) > 0) o[property.Name] = Of(property.Value, random, depth + 1);
                    }
                }

                return o;
            case "array": return new JsonArray([.. Enumerable.Range(0, random.Next(3)).Select(_ => Of(schema.TryGetProperty("items", out var items) ? items : default, random, depth + 1))]);
            case "integer": return random.Next(-2, 50);
            case "number": return Math.Round(random.NextDouble() * 100, 3);
            case "boolean": return random.Next(2) == 0;
            case "string": return schema.TryGetProperty("format", out var format) && format.GetString() == "date-time" ? "2026-05-01T10:00:00Z" : ((string[])["l1", "l2", "text", "call", "won", "1", "https://example.invalid/hook", "name: x\nfeatures:\n  - name: budget\n"])[random.Next(8)];
            default: return Anything(random);
        }
    }

    private static JsonNode? Anything(Random random) => random.Next(6) switch
    {
        0 => null,
        1 => random.Next(100),
        2 => "text",
        3 => new JsonObject { ["lead_id"] = "l1", ["name"] = "x" },
        4 => new JsonArray(1, "a", null),
        _ => random.Next(2) == 0,
    };
}

/// <summary>Sends requests over HTTP and finds what must not be: an answer of 500, none in time, or a refusal that does not say what is wrong.</summary>
internal sealed class RequestFuzz(HttpClient client, OpenApiFuzzer fuzzer, TimeSpan longest)
{
    private readonly Lock seen = new();

    internal List<string> Faults { get; } = [];

    internal SortedDictionary<int, int> Statuses { get; } = [];

    internal TimeSpan Slowest { get; private set; }

    internal string SlowestRequest { get; private set; } = "";

    /// <summary>Answers that the server gave before the program saw the request: the target is no target in HTTP.</summary>
    internal int RefusedByServer { get; private set; }

    internal Task RunAsync(int from, int count, int atOnce) =>
        Parallel.ForEachAsync(Enumerable.Range(from, count), new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (number, _) => await SendAsync(fuzzer.Make(number)));

    internal async Task SendAsync(FuzzRequest request)
    {
        var since = TimeProvider.System.GetTimestamp();
        try
        {
            using var message = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(client.BaseAddress!.GetLeftPart(UriPartial.Authority) + request.Target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
            if (request.Body is { } body)
            {
                message.Content = new ByteArrayContent(body);
                if (request.ContentType is { } type) message.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            }

            if (request.IdempotencyKey is { } key && key.All(char.IsAscii) && !key.Any(char.IsControl)) message.Headers.TryAddWithoutValidation("Idempotency-Key", key);
            using var limit = new CancellationTokenSource(longest);
            using var answer = await client.SendAsync(message, limit.Token);
            var text = await answer.Content.ReadAsByteArrayAsync(limit.Token);
            Judge(request, answer, text, TimeProvider.System.GetElapsedTime(since));
        }
        catch (OperationCanceledException)
        {
            Fault(request, $"no answer within {longest.TotalSeconds} s");
        }
        catch (HttpRequestException e)
        {
            Fault(request, $"no answer: {e.Message} {e.InnerException?.Message}");
        }
        catch (UriFormatException)
        {
            // Not even a client can say that.
        }
    }

    private void Judge(FuzzRequest request, HttpResponseMessage answer, byte[] text, TimeSpan took)
    {
        var status = (int)answer.StatusCode;
        lock (seen)
        {
            Statuses[status] = Statuses.GetValueOrDefault(status) + 1;
            if (took > Slowest) (Slowest, SlowestRequest) = (took, request.ToString());
        }

        if (status >= 500) Fault(request, $"{status} {Encoding.UTF8.GetString(text)}");
        else if (status >= 400 && request.Method != "HEAD" && Vague(answer, text) is { } why) Fault(request, $"{status}: {why}: {Encoding.UTF8.GetString(text)}");
        else if (status < 300 && text.Length > 0 && answer.Content.Headers.ContentType?.MediaType == "application/json" && !IsJson(text)) Fault(request, $"{status}: not JSON: {Encoding.UTF8.GetString(text)}");
    }

    /// <summary>Null when the refusal is a problem document that says what and where.</summary>
    private string? Vague(HttpResponseMessage answer, byte[] text)
    {
        if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.RequestUriTooLong or HttpStatusCode.RequestHeaderFieldsTooLarge && text.Length == 0 && answer.Headers.ConnectionClose == true)
        {
            lock (seen) RefusedByServer++;
            return null;
        }

        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json") return "no problem document";
        if (!IsJson(text)) return "broken JSON";
        var problem = JsonElement.Parse(text);
        if (problem.GetProperty("status").GetInt32() != (int)answer.StatusCode) return "another status in the body";
        if (string.IsNullOrWhiteSpace(problem.GetProperty("detail").GetString()) || problem.GetProperty("type").GetString()?.StartsWith("/problems/", StringComparison.Ordinal) != true) return "nothing said";
        if (answer.StatusCode == HttpStatusCode.BadRequest && !(problem.TryGetProperty("errors", out var errors) && errors.GetArrayLength() > 0)) return "no place named";
        return null;
    }

    private static bool IsJson(byte[] text)
    {
        try
        {
            JsonElement.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Fault(FuzzRequest request, string what)
    {
        lock (seen)
        {
            if (Faults.Count < 200) Faults.Add(string.Create(CultureInfo.InvariantCulture, $"{what.ReplaceLineEndings(" ")[..Math.Min(what.Length, 400)]} | {request}"));
        }
    }
}
