using System.Text.RegularExpressions;

namespace LeadScoring.Sidecar.Tests.Architecture;

/// <summary>Which folder may name which: a regex over the sources, so that the rule is where the code is read.</summary>
/// <param name="root">Namespace of the project, such as LeadScoring.Sidecar.</param>
/// <param name="allowed">Folder to the folders it may use, besides <paramref name="plumbing"/>. A star: any.</param>
/// <param name="plumbing">Folders that every other one may use, and that use none but each other.</param>
internal sealed class FolderRules(string root, IReadOnlyDictionary<string, string[]> allowed, string[] plumbing)
{
    internal IReadOnlyList<string> Complaints(string folder, string file, string source)
    {
        if (!allowed.TryGetValue(folder, out var uses) && !plumbing.Contains(folder)) return [$"{file}: folder {folder} has no rule. Add one in the architecture test."];
        uses ??= [];
        if (uses.Contains("*")) return [];
        var others = allowed.Keys.Concat(plumbing).Where(f => f != folder && !uses.Contains(f) && !plumbing.Contains(f)).ToArray();
        if (others.Length == 0) return [];
        // Either the full namespace, or its last part used as a prefix: "Leads.LeadItem" inside LeadScoring.Sidecar.Imports.
        var pattern = $@"(?<![\w.""/])(?:{Regex.Escape(root)}\.)?({string.Join('|', others)})\b\s*(?:;|\.\s*[A-Z]\w*)";
        var code = Regex.Replace(source, @"//[^\n]*|""(?:[^""\\\n]|\\.)*""", "");
        // A member access such as plan.Training.Rows, or a property of that name, is no namespace: those have a dot or no capitalised type before.
        return [.. Regex.Matches(code, pattern).Where(m => m.Value.StartsWith(root, StringComparison.Ordinal) || code.AsSpan(0, m.Index).TrimEnd().EndsWith("using") || Regex.IsMatch(m.Value, @"\.\s*[A-Z]"))
            .Select(m => $"{file}: {folder} uses {m.Groups[1].Value} ({m.Value.Trim()})").Distinct()];
    }

    internal IReadOnlyList<string> ComplaintsUnder(string projectFolder) =>
    [
        .. from path in Sources(projectFolder)
           let relative = Path.GetRelativePath(projectFolder, path)
           where relative.Contains(Path.DirectorySeparatorChar)
           from complaint in Complaints(relative.Split(Path.DirectorySeparatorChar)[0], relative, File.ReadAllText(path))
           select complaint,
    ];

    internal static IEnumerable<string> Sources(string projectFolder) =>
        Directory.EnumerateFiles(projectFolder, "*.cs", SearchOption.AllDirectories)
            .Where(p => !Path.GetRelativePath(projectFolder, p).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));
}
