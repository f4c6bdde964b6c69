using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LeadScoring.Workflows.Tests.Templates;

/// <summary>What every template in <c>workflows/</c> keeps to, as far as the file alone can tell.</summary>
internal static partial class TemplateRules
{
    private const string Base = "n8n-nodes-base.";
    private const string CommunityNode = "n8n-nodes-lead-scoring.leadScoring";

    /// <summary>The id of template 99.</summary>
    private const string ErrorWorkflow = "deadLetterStore1";

    // The width and height of a node on n8n's canvas, and the room its name takes below it.
    private const int NodeSize = 96;
    private const int LabelHeight = 40;

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="workflow">One parsed workflow file.</param>
    /// <param name="versions">The newest typeVersion of each node type in the n8n that the templates are tested with.</param>
    /// <returns>One sentence per fault; empty if there is none.</returns>
    public static IEnumerable<string> Complaints(JsonObject workflow, IReadOnlyDictionary<string, double> versions) =>
        [.. Identity(workflow), .. Secrets(workflow), .. Expressions(workflow), .. Webhooks(workflow), .. Calls(workflow), .. Types(workflow, versions), .. Connections(workflow), .. Layout(workflow), .. Notes(workflow)];

    private static IEnumerable<string> Identity(JsonObject workflow)
    {
        if (!StableId().IsMatch((string?)workflow["id"] ?? "")) yield return "has no id of 16 letters and digits: a second import would make a second workflow";
        if ((bool?)workflow["active"] != false) yield return "is active: a user publishes after the set-up";
        foreach (var what in (string[])["id", "name"])
            foreach (var same in Nodes(workflow).GroupBy(node => (string?)node[what]).Where(group => group.Count() > 1 || group.Key is null or ""))
                yield return $"{same.Count()} nodes have the {what} '{same.Key}'";
    }

    private static IEnumerable<string> Secrets(JsonObject workflow)
    {
        var text = workflow.ToJsonString(Readable);
        if (EnvironmentAccess().IsMatch(text)) yield return "reads $env, which n8n blocks by default: use a credential";
        if (SecretLook().Match(text) is { Success: true } found) yield return $"has what looks like a secret at character {found.Index}";
        // Sample data to try the workflow with in the editor. n8n does not look at it in a published one.
        var pinned = workflow["pinData"]?.AsObject().Select(pin => pin.Key).ToHashSet() ?? [];
        foreach (var node in Nodes(workflow))
        {
            var isFed = IsTrigger(node) && !Is(node, "scheduleTrigger");
            if (isFed && !pinned.Contains(Name(node))) yield return $"'{Name(node)}' has no sample data";
            if (!isFed && pinned.Contains(Name(node))) yield return $"'{Name(node)}' has pinned data: it would stand in for the real call";
        }

        if (workflow["staticData"] is not null) yield return "has static data of a past run";
        foreach (var node in Nodes(workflow))
            foreach (var (type, credential) in node["credentials"]?.AsObject() ?? [])
                if (credential is not JsonObject { Count: 2 } reference || (string?)reference["id"] is null or "" || (string?)reference["name"] is null or "")
                    yield return $"'{Name(node)}': credential {type} is more or less than an id and a name";
    }

    // n8n 2.41 says "invalid syntax" when it comes to run it, and nothing before.
    private static IEnumerable<string> Expressions(JsonObject workflow)
    {
        foreach (var node in Nodes(workflow).Where(node => OptionalInTemplate().IsMatch(node["parameters"]?.ToJsonString(Readable) ?? "")))
            yield return $"'{Name(node)}' has ?. within ${{ }} of a text, which n8n's expressions cannot read";
        // n8n 2.36 says "$json is not defined"; ...$json.x it knows.
        foreach (var node in Nodes(workflow).Where(node => SpreadVariable().IsMatch(node["parameters"]?.ToJsonString(Readable) ?? "")))
            yield return $"'{Name(node)}' spreads a variable of n8n as it is, which the oldest n8n cannot read: Object.assign({{}}, $json, …)";
    }

    private static IEnumerable<string> Webhooks(JsonObject workflow)
    {
        foreach (var node in Nodes(workflow).Where(node => Is(node, "webhook") || Is(node, "formTrigger")))
        {
            if ((string?)node["parameters"]!["authentication"] is null or "none") yield return $"'{Name(node)}' lets everybody in";
            if (node["credentials"] is not JsonObject { Count: > 0 }) yield return $"'{Name(node)}' names no credential";
            if ((string?)node["webhookId"] is null or "") yield return $"'{Name(node)}' has no webhookId";
        }
    }

    private static IEnumerable<string> Calls(JsonObject workflow)
    {
        var isWatched = (string?)workflow["settings"]?["errorWorkflow"] == ErrorWorkflow;
        if (!isWatched && !Nodes(workflow).Any(node => Is(node, "errorTrigger"))) yield return "names no error workflow: what fails would be seen by nobody";
        foreach (var node in Nodes(workflow).Where(node => Is(node, "httpRequest") || Type(node) == CommunityNode))
        {
            var isHttp = Is(node, "httpRequest");
            if (isHttp && node["parameters"]!["options"]?["timeout"] is null) yield return $"'{Name(node)}' has no timeout: n8n's own is five minutes";
            // Four seconds is what a sender who waits for the answer is given.
            if (!isHttp && node["parameters"]!["options"]?["timeout"] is JsonValue timeout && timeout.TryGetValue<double>(out var seconds) && seconds < 4) yield return $"'{Name(node)}' gives up too soon, after {seconds} s";
            // The community node comes again by itself when the sidecar is busy, unless it is told not to.
            var comesAgain = (bool?)node["retryOnFail"] == true || (!isHttp && (int?)node["parameters"]!["options"]?["retries"] is (null or > 0));
            if (!comesAgain) yield return $"'{Name(node)}' does not try again";
            if ((string?)node["onError"] is null or "stopWorkflow" && !isWatched) yield return $"'{Name(node)}' has no way out for errors";
            if (node["credentials"] is not JsonObject { Count: > 0 } || (isHttp && (string?)node["parameters"]!["authentication"] is null or "none")) yield return $"'{Name(node)}' uses no credential";
        }
    }

    private static IEnumerable<string> Types(JsonObject workflow, IReadOnlyDictionary<string, double> versions)
    {
        foreach (var node in Nodes(workflow))
        {
            if (!versions.TryGetValue(Type(node), out var version)) yield return $"'{Name(node)}': {Type(node)} is not among the tested node types";
            else if ((double)node["typeVersion"]! != version) yield return $"'{Name(node)}' has typeVersion {node["typeVersion"]}, tested is {version}";
        }
    }

    private static IEnumerable<string> Connections(JsonObject workflow)
    {
        var names = Nodes(workflow).Select(Name).ToHashSet();
        var reached = new HashSet<string>();
        foreach (var (from, outputs) in workflow["connections"]!.AsObject())
        {
            if (!names.Contains(from)) yield return $"a connection starts at '{from}', which is not there";
            foreach (var link in outputs!.AsObject().SelectMany(kind => kind.Value!.AsArray()).SelectMany(output => output?.AsArray() ?? []))
            {
                var to = (string)link!["node"]!;
                reached.Add(to);
                if (!names.Contains(to)) yield return $"'{from}' is connected to '{to}', which is not there";
            }
        }

        foreach (var node in Nodes(workflow).Where(node => !Is(node, "stickyNote") && !IsTrigger(node) && !reached.Contains(Name(node))))
            yield return $"'{Name(node)}' is never reached";
        foreach (var node in Nodes(workflow).Where(node => (string?)node["onError"] == "continueErrorOutput"))
            if (workflow["connections"]![Name(node)]?["main"]?.AsArray() is not [.., JsonArray { Count: > 0 }] outputs || outputs.Count < 2)
                yield return $"'{Name(node)}': its error output leads nowhere";
    }

    private static IEnumerable<string> Layout(JsonObject workflow)
    {
        if (!Nodes(workflow).Any(node => Is(node, "stickyNote"))) yield return "has no sticky note to explain it";
        var boxes = Nodes(workflow).Where(node => !Is(node, "stickyNote"))
            .Select(node => (Name: Name(node), X: (int)node["position"]![0]!, Y: (int)node["position"]![1]!)).ToArray();
        foreach (var (a, b) in boxes.SelectMany((a, i) => boxes.Skip(i + 1).Select(b => (a, b))))
            if (Math.Abs(a.X - b.X) < NodeSize && Math.Abs(a.Y - b.Y) < NodeSize + LabelHeight) yield return $"'{a.Name}' and '{b.Name}' overlap";
        foreach (var (name, _, _) in boxes.Where(box => box.X % 16 != 0 || box.Y % 16 != 0)) yield return $"'{name}' is off the grid of 16";
    }

    private static IEnumerable<string> Notes(JsonObject workflow)
    {
        var notes = Nodes(workflow).Where(node => Is(node, "stickyNote")).Select(note => (Name: Name(note), Box: new Box(
            (int)note["position"]![0]!, (int)note["position"]![1]!, (int)note["parameters"]!["width"]!, (int)note["parameters"]!["height"]!))).ToArray();
        foreach (var (a, b) in notes.SelectMany((a, i) => notes.Skip(i + 1).Select(b => (a, b))))
            if (a.Box.Touches(b.Box)) yield return $"'{a.Name}' and '{b.Name}' overlap";
        foreach (var node in Nodes(workflow).Where(node => !Is(node, "stickyNote")))
        {
            var box = new Box((int)node["position"]![0]!, (int)node["position"]![1]!, NodeSize, NodeSize + LabelHeight);
            foreach (var (name, note) in notes.Where(note => note.Box.Touches(box) && !note.Box.Holds(box)))
                yield return $"'{Name(node)}' lies across the edge of '{name}'";
        }
    }

    private static IEnumerable<JsonObject> Nodes(JsonObject workflow) => workflow["nodes"]!.AsArray().Select(node => node!.AsObject());

    private static string Name(JsonObject node) => (string?)node["name"] ?? "";

    private static string Type(JsonObject node) => (string?)node["type"] ?? "";

    private static bool Is(JsonObject node, string type) => Type(node) == Base + type;

    private static bool IsTrigger(JsonObject node) => Is(node, "webhook") || Type(node).EndsWith("Trigger", StringComparison.Ordinal);

    [GeneratedRegex("^[A-Za-z0-9]{16}$")]
    private static partial Regex StableId();

    [GeneratedRegex(@"\$\{[^}`]*\?\.")]
    private static partial Regex OptionalInTemplate();

    [GeneratedRegex(@"\.\.\.\s*\$[a-z]+\s*[,})]")]
    private static partial Regex SpreadVariable();

    [GeneratedRegex(@"\$env\b")]
    private static partial Regex EnvironmentAccess();

    // Prefixes of well-known token kinds, header values, and long runs with digits that nobody types; ids of nodes have dashes.
    [GeneratedRegex(@"\b(sk-|xox[abp]-|ghp_|pat-|Bearer [A-Za-z0-9]|eyJ[A-Za-z0-9]|lsk_)|\b(?=[A-Za-z+/_]*[0-9])[A-Za-z0-9+/_]{32,}\b")]
    private static partial Regex SecretLook();

    private readonly record struct Box(int X, int Y, int Width, int Height)
    {
        public bool Touches(Box other) => X < other.X + other.Width && other.X < X + Width && Y < other.Y + other.Height && other.Y < Y + Height;

        public bool Holds(Box other) => X <= other.X && other.X + other.Width <= X + Width && Y <= other.Y && other.Y + other.Height <= Y + Height;
    }
}
