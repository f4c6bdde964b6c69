using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Web;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Connectors.Tests.Contracts;

/// <summary>
/// A vendor's official OpenAPI file, and what of a request breaks it: unknown paths, methods, parameters and members, wrong types, missing and too many. Only where the environment variable
/// LEADSCORING_SPECS names the folder of contracts, as in CI: they are the vendors' and not part of this product.
/// </summary>
internal sealed class VendorContract
{
    internal const string Variable = "LEADSCORING_SPECS";
    private static readonly ConcurrentDictionary<string, Lazy<VendorContract?>> Contracts = new();
    private static readonly string[] NoBody = ["GET", "DELETE"];

    private readonly JsonElement document;
    private readonly List<(Regex Path, int Variables, JsonElement Item)> paths = [];

    private VendorContract(JsonElement document)
    {
        this.document = document;
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            var pattern = string.Join("[^/]+", Regex.Split(path.Name, @"\{[^}]+\}").Select(Regex.Escape));
            paths.Add((new Regex($"^{pattern}/?$", RegexOptions.CultureInvariant), path.Name.Count(c => c == '{'), path.Value));
        }
    }

    /// <summary>The contract; null where there is none at hand.</summary>
    internal static VendorContract? Of(string vendor) => Contracts.GetOrAdd(vendor, v => new Lazy<VendorContract?>(() =>
    {
        var folder = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrWhiteSpace(folder)) return null;
        return new VendorContract(JsonElement.Parse(File.ReadAllBytes(Path.Combine(folder, "mock", v + ".json"))));
    })).Value;

    internal static VendorContract Parse(string json) => new(JsonElement.Parse(json));

    internal IReadOnlyList<string> Check(HttpRequest request, string body) => Check(request.Method, request.Path.Value!, request.QueryString.Value ?? "", request.ContentType, body);

    internal IReadOnlyList<string> Check(string method, string path, string query, string? contentType, string body)
    {
        var hits = paths.Where(p => p.Path.IsMatch(path)).OrderBy(p => p.Variables).ToArray();
        if (hits.Length == 0) return ["there is no such path"];
        var hit = hits.FirstOrDefault(h => h.Item.TryGetProperty(method.ToLowerInvariant(), out _));
        if (hit.Path is null) return ["the path has no such method"];
        var operation = hit.Item.GetProperty(method.ToLowerInvariant());
        var faults = new List<string>();
        CheckQuery(hit.Item, operation, query, faults);
        if (!NoBody.Contains(method)) CheckBody(operation, contentType, body, faults);
        return faults;
    }

    private void CheckQuery(JsonElement item, JsonElement operation, string query, List<string> faults)
    {
        var declared = new[] { item, operation }.SelectMany(o => o.TryGetProperty("parameters", out var p) ? p.EnumerateArray().ToArray() : []).Select(Resolve)
            .Where(p => p.GetProperty("in").GetString() == "query").GroupBy(p => p.GetProperty("name").GetString()!).ToDictionary(g => g.Key, g => g.Last());
        var given = HttpUtility.ParseQueryString(query);
        foreach (var name in given.AllKeys.OfType<string>())
        {
            if (!declared.TryGetValue(name, out var parameter)) faults.Add($"query {name} is not declared");
            else if (parameter.TryGetProperty("schema", out var schema)) foreach (var value in given.GetValues(name)!) CheckText(Resolve(schema), value, $"query {name}", faults);
        }

        faults.AddRange(declared.Values.Where(p => p.TryGetProperty("required", out var r) && r.ValueKind == JsonValueKind.True && given[p.GetProperty("name").GetString()!] is null).Select(p => $"query {p.GetProperty("name")} is missing"));
    }

    private void CheckText(JsonElement schema, string value, string where, List<string> faults)
    {
        var type = TypeOf(schema);
        if (type == "array")
        {
            if (schema.TryGetProperty("items", out var items)) foreach (var one in value.Split(',')) CheckText(Resolve(items), one, where, faults);
            return;
        }

        if (type is "integer" or "number")
        {
            if (!double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) faults.Add($"{where} is no number");
            else CheckRange(schema, number, where, faults);
        }
        else if (type == "boolean" && value is not ("true" or "false")) faults.Add($"{where} is no truth value");
        if (schema.TryGetProperty("enum", out var allowed) && allowed.EnumerateArray().All(a => a.ToString() != value)) faults.Add($"{where} is none of the values allowed");
        if (schema.TryGetProperty("pattern", out var pattern) && !Regex.IsMatch(value, pattern.GetString()!)) faults.Add($"{where} is not of the form {pattern}");
    }

    private void CheckBody(JsonElement operation, string? contentType, string body, List<string> faults)
    {
        if (!operation.TryGetProperty("requestBody", out var reference))
        {
            if (body.Length > 0) faults.Add("the operation takes no body");
            return;
        }

        var declared = Resolve(reference);
        var media = contentType?.Split(';')[0].Trim();
        var content = declared.GetProperty("content");
        if (body.Length == 0)
        {
            if (declared.TryGetProperty("required", out var r) && r.ValueKind == JsonValueKind.True) faults.Add("the body is missing");
            return;
        }

        if (media is null || !content.TryGetProperty(media, out var type))
        {
            faults.Add($"content type {media} is not declared");
            return;
        }

        if (!type.TryGetProperty("schema", out var schema)) return;
        if (media == "application/x-www-form-urlencoded")
        {
            var form = HttpUtility.ParseQueryString(body);
            Check(Resolve(schema), JsonSerializer.SerializeToElement(form.AllKeys.OfType<string>().ToDictionary(k => k, k => form[k])), "form", faults);
        }
        else if (media.EndsWith("json", StringComparison.Ordinal))
        {
            try
            {
                Check(Resolve(schema), JsonElement.Parse(body), "body", faults);
            }
            catch (JsonException)
            {
                faults.Add("the body is no JSON");
            }
        }
    }

    private void Check(JsonElement schema, JsonElement value, string where, List<string> faults)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            if (!(schema.TryGetProperty("nullable", out var nullable) && nullable.ValueKind == JsonValueKind.True) && !TypesOf(schema).Contains("null") && TypeOf(schema) is not null) faults.Add($"{where} is null");
            return;
        }

        foreach (var keyword in (string[])["oneOf", "anyOf"])
        {
            if (!schema.TryGetProperty(keyword, out var options)) continue;
            var tries = options.EnumerateArray().Select(o =>
            {
                var own = new List<string>();
                Check(Resolve(o), value, where, own);
                return own;
            }).ToArray();
            if (!tries.Any(t => t.Count == 0 || t.All(f => f.EndsWith("is not declared", StringComparison.Ordinal)))) faults.AddRange(tries.OrderBy(t => t.Count).First());
        }

        if (schema.TryGetProperty("allOf", out var all)) foreach (var part in all.EnumerateArray()) CheckOpen(Resolve(part), value, where, faults);
        CheckType(schema, value, where, faults);
        if (schema.TryGetProperty("enum", out var allowed) && allowed.EnumerateArray().All(a => a.ToString() != value.ToString())) faults.Add($"{where} is none of the values allowed");
        if (value.ValueKind == JsonValueKind.Object) CheckObject(schema, value, where, faults);
        if (value.ValueKind == JsonValueKind.Array) CheckArray(schema, value, where, faults);
        if (value.ValueKind == JsonValueKind.Number) CheckRange(schema, value.GetDouble(), where, faults);
        if (value.ValueKind == JsonValueKind.String && schema.TryGetProperty("maxLength", out var longest) && value.GetString()!.Length > longest.GetInt32()) faults.Add($"{where} is too long");
    }

    /// <summary>Of a part of a whole, members that it does not declare may be another part's.</summary>
    private void CheckOpen(JsonElement schema, JsonElement value, string where, List<string> faults)
    {
        var own = new List<string>();
        Check(schema, value, where, own);
        faults.AddRange(own.Where(f => !f.EndsWith("is not declared", StringComparison.Ordinal)));
    }

    private static void CheckType(JsonElement schema, JsonElement value, string where, List<string> faults)
    {
        var types = TypesOf(schema);
        if (types.Length == 0) return;
        var fits = types.Any(t => t switch
        {
            "object" => value.ValueKind == JsonValueKind.Object,
            "array" => value.ValueKind == JsonValueKind.Array,
            "string" => value.ValueKind == JsonValueKind.String,
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "integer" => value.ValueKind == JsonValueKind.Number && Math.Floor(value.GetDouble()) == value.GetDouble(),
            "number" => value.ValueKind == JsonValueKind.Number,
            _ => true,
        });
        if (!fits) faults.Add($"{where} is not of type {string.Join(" or ", types)}");
    }

    private void CheckObject(JsonElement schema, JsonElement value, string where, List<string> faults)
    {
        var known = schema.TryGetProperty("properties", out var properties);
        var more = schema.TryGetProperty("additionalProperties", out var additional) ? additional : default;
        var open = !known || schema.TryGetProperty("oneOf", out _) || schema.TryGetProperty("anyOf", out _) || schema.TryGetProperty("allOf", out _);
        foreach (var member in value.EnumerateObject())
        {
            if (known && properties.TryGetProperty(member.Name, out var own)) Check(Resolve(own), member.Value, $"{where}.{member.Name}", faults);
            else if (more.ValueKind == JsonValueKind.Object) Check(Resolve(more), member.Value, $"{where}.{member.Name}", faults);
            else if (more.ValueKind != JsonValueKind.True && !open) faults.Add($"{where}.{member.Name} is not declared");
        }

        if (schema.TryGetProperty("required", out var required) && required.ValueKind == JsonValueKind.Array)
            faults.AddRange(required.EnumerateArray().Where(r => !value.TryGetProperty(r.GetString()!, out _)).Select(r => $"{where}.{r} is missing"));
    }

    private void CheckArray(JsonElement schema, JsonElement value, string where, List<string> faults)
    {
        if (schema.TryGetProperty("maxItems", out var most) && value.GetArrayLength() > most.GetInt32()) faults.Add($"{where} has more than {most} items");
        if (!schema.TryGetProperty("items", out var items)) return;
        foreach (var item in value.EnumerateArray()) Check(Resolve(items), item, where + "[]", faults);
    }

    private static void CheckRange(JsonElement schema, double number, string where, List<string> faults)
    {
        if (schema.TryGetProperty("minimum", out var least) && number < least.GetDouble()) faults.Add($"{where} is below {least}");
        if (schema.TryGetProperty("maximum", out var most) && number > most.GetDouble()) faults.Add($"{where} is above {most}");
    }

    private static string? TypeOf(JsonElement schema) => TypesOf(schema).FirstOrDefault(t => t != "null");

    private static string[] TypesOf(JsonElement schema) => !schema.TryGetProperty("type", out var type) ? []
        : type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(t => t.GetString()!)] : [type.GetString()!];

    private JsonElement Resolve(JsonElement schema)
    {
        for (var hops = 0; hops < 20 && schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("$ref", out var reference); hops++)
        {
            var at = document;
            foreach (var part in reference.GetString()![2..].Split('/')) at = at.GetProperty(Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal));
            schema = at;
        }

        return schema;
    }
}
