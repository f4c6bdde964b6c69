using System.Text.Json;
using System.Text.RegularExpressions;

namespace LeadScoring.Connectors.Generic;

/// <summary>What is wrong with a definition: the field by its path, and what to do.</summary>
internal static partial class GenericValidation
{
    private static readonly string[] Styles = ["none", "cursor", "link", "offset", "page"];
    private static readonly string[] Moments = ["iso", "seconds", "milliseconds"];
    private static readonly string[] Sources = ["crm", "website", "email", "phone"];
    private static readonly string[] States = ["open", "won", "lost", "deleted"];
    private static readonly string[] Methods = ["PATCH", "PUT", "POST"];

    [GeneratedRegex(@"\{(?<name>[A-Za-z0-9_]+)\}", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    internal static partial Regex Placeholder();

    [GeneratedRegex("^[a-z][a-z0-9_]{0,63}$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex TypeName();

    internal static IReadOnlyList<string> Of(GenericDefinition d, string fieldPrefix)
    {
        var faults = new List<string>();
        if (d.Contacts is null && d.Activity is null && d.Deals is null) faults.Add("contacts: is missing; describe at least one of contacts, activity and deals");
        foreach (var (name, value) in d.Headers ?? []) if (name.Length == 0 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '-') || value.Any(char.IsControl)) faults.Add($"headers.{name}: is no header; use letters, digits and -, and a value in one line");
        Source(d.Contacts, "contacts", ["id", "email", "createdAt", "deleted"], ["id"], true, fieldPrefix, faults);
        Source(d.Activity, "activity", ["id", "contactId", "email", "type", "occurredAt"], ["id", "type", "occurredAt"], true, fieldPrefix, faults);
        if (d.Activity?.Fields is { } a && !a.ContainsKey("contactId") && !a.ContainsKey("email")) faults.Add("activity.fields: neither contactId nor email; add a pointer to one of them, else nobody knows whose activity it is");
        Source(d.Deals, "deals", ["id", "state", "contactIds", "closedAt", "amount", "stage"], ["id", "state", "contactIds"], false, fieldPrefix, faults);
        foreach (var (word, type) in d.Activity?.Values ?? []) if (!TypeName().IsMatch(type)) faults.Add($"activity.values.{word}: '{type}' is no type; use lower snake case, such as email_opened");
        foreach (var (word, state) in d.Deals?.Values ?? []) if (!States.Contains(state)) faults.Add($"deals.values.{word}: '{state}' is no state; use one of {string.Join(", ", States)}");
        if (d.Deals is { Values: null or { Count: 0 } }) faults.Add("deals.values: is missing; say which of the API's words mean won and lost");
        Write(d.WriteBack, d.Contacts, fieldPrefix, faults);
        if (d.Check is not null) Path(d.Check, "check", faults);
        return faults;
    }

    private static void Source(GenericSource? s, string at, string[] known, string[] required, bool hasProperties, string fieldPrefix, List<string> faults)
    {
        if (s is null) return;
        Path(s.Path, at + ".path", faults);
        if (!JsonPointer.IsOne(s.Records)) faults.Add($"{at}.records: '{s.Records}' is no JSON pointer; begin it with /, such as /data, or leave it empty when the answer is the array");
        if (!Moments.Contains(s.Since)) faults.Add($"{at}.since: '{s.Since}' is not known; use one of {string.Join(", ", Moments)}");
        if (s.OverlapMinutes is < 0 or > 1_440) faults.Add($"{at}.overlapMinutes: {s.OverlapMinutes} is out of range; use 0 to 1440");
        if (at == "activity" && !Sources.Contains(s.Source)) faults.Add($"{at}.source: '{s.Source}' is not known; use one of {string.Join(", ", Sources)}");
        foreach (var (name, value) in s.Query ?? [])
            foreach (var word in Words(value).Where(w => w is not ("since" or "size"))) faults.Add($"{at}.query.{name}: {{{word}}} is not known; use {{since}} or {{size}}");
        foreach (var name in required.Where(r => s.Fields?.ContainsKey(r) != true)) faults.Add($"{at}.fields.{name}: is missing; add the JSON pointer to it within a record, such as /{name}");
        foreach (var (name, pointer) in s.Fields ?? [])
        {
            var property = name.StartsWith("properties.", StringComparison.Ordinal) && name.Length > 11 && hasProperties ? name[11..] : null;
            if (property is null && !known.Contains(name)) faults.Add($"{at}.fields.{name}: is not known; use one of {string.Join(", ", known)}{(hasProperties ? ", or properties.NAME" : "")}");
            if (property?.StartsWith(fieldPrefix, StringComparison.Ordinal) == true) faults.Add($"{at}.fields.{name}: is what we write ourselves; reading it would make a change of every write: leave it out");
            if (!JsonPointer.IsOne(pointer) || pointer.Length == 0) faults.Add($"{at}.fields.{name}: '{pointer}' is no JSON pointer; begin it with /");
        }

        Paging(s.Paging, at + ".paging", faults);
    }

    private static void Paging(GenericPaging? p, string at, List<string> faults)
    {
        if (p is null) return;
        if (!Styles.Contains(p.Style)) faults.Add($"{at}.style: '{p.Style}' is not known; use one of {string.Join(", ", Styles)}");
        if (p.Style is "cursor" or "offset" or "page" && string.IsNullOrWhiteSpace(p.Parameter)) faults.Add($"{at}.parameter: is missing; name the query parameter of the {p.Style}");
        if (p.Style == "cursor" && (!JsonPointer.IsOne(p.Next) || p.Next!.Length == 0)) faults.Add($"{at}.next: is missing or no JSON pointer; say where the answer holds the next cursor, such as /meta/next");
        if (p.Size is < 1 or > 10_000) faults.Add($"{at}.size: {p.Size} is out of range; use 1 to 10000");
    }

    private static void Write(GenericWrite? w, GenericSource? contacts, string fieldPrefix, List<string> faults)
    {
        if (w is null) return;
        if (contacts is null) faults.Add("writeBack: has no contacts to write to; describe contacts, too");
        Path(w.Path?.Replace("{id}", "1", StringComparison.Ordinal), "writeBack.path", faults);
        if (w.Path?.Contains("{id}", StringComparison.Ordinal) == false && !(w.Body is { } whole && whole.GetRawText().Contains("{id}", StringComparison.Ordinal))) faults.Add("writeBack.path: nothing says which record; put {id} into path or body");
        if (!Methods.Contains(w.Method)) faults.Add($"writeBack.method: '{w.Method}' is not known; use one of {string.Join(", ", Methods)}");
        if (w.Body is not { ValueKind: JsonValueKind.Object } body)
        {
            faults.Add("writeBack.body: is missing or no object; add the JSON that the API takes");
            return;
        }

        string[] words = [.. Words(body.GetRawText())];
        foreach (var word in words.Where(n => n != "id" && !n.StartsWith(fieldPrefix, StringComparison.Ordinal))) faults.Add($"writeBack.body: {{{word}}} is not known; use {{id}} or our fields, such as {{{fieldPrefix}score}}");
        if (!words.Any(n => n.StartsWith(fieldPrefix, StringComparison.Ordinal))) faults.Add($"writeBack.body: writes nothing; put a field of ours into it, such as {{{fieldPrefix}score}}");
    }

    private static void Path(string? path, string at, List<string> faults)
    {
        // Of the account's own host alone: the token goes with it.
        if (path is null || !path.StartsWith('/') || path.StartsWith("//", StringComparison.Ordinal) || path.Contains('\\', StringComparison.Ordinal)) faults.Add($"{at}: {(path is null ? "is missing" : $"'{path}' is no path")}; begin it with one /, such as /v1/people: the host is BASEURL's");
    }

    internal static IEnumerable<string> Words(string text) => Placeholder().Matches(text).Select(m => m.Groups["name"].Value).Distinct(StringComparer.Ordinal);
}
