using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Tests.Architecture;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>All SQL of the product: a statement on a table that belongs to organizations says of which, or stands in the list of those that go over all, with why.</summary>
public sealed partial class TenantConditionTests
{
    private static readonly string Sources = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar/LeadScoring.Sidecar"));

    /// <summary>File and the beginning of the statement, blanks made one.</summary>
    private static readonly Dictionary<(string File, string Begins), string> OverAll = new()
    {
        [("Organizations/ApiKeyStore.cs", "select {KeyRow.Columns} from api_keys where key_id = @KeyId")] = "A request brings a key and nothing else; the organization follows from it.",
        [("Scoring/QueueGauges.cs", "select (select count(*) from leads")] = "A sum over all for the metrics.",
        [("Webhooks/OutboxGauges.cs", "select (select count(*) from webhook_deliveries")] = "A sum over all for the metrics.",
        [("Training/TrainingGauges.cs", "select status as Status, count(*) as Runs from training_runs")] = "A sum over all for the metrics.",
        [("Experiments/ExperimentLeads.cs", "select t.organization_id, t.experiment_id from model_trials")] = "Shadow experiments whose leads are to be scored, of all; each row names its organization.",
        [("Models/ChampionGauges.cs", "select organization_id as OrganizationId, version")] = "The champion of each, for the metrics.",
        [("Monitoring/AlarmGauges.cs", "select o.organization_id as OrganizationId")] = "Open alarms of each, for the metrics.",
        [("Webhooks/DeliveryStore.cs", "select {WebhookStore.Columns} from webhooks where is_enabled")] = "The queue of deliveries is worked off over all; each row names its organization.",
        [("Training/TrainingRunStore.cs", "select {Columns} from training_runs where status = 'queued'")] = "The queue of trainings is worked off over all; each row names its organization.",
        [("Privacy/RetentionWalk.cs", "select o.organization_id from organizations")] = "Which organization has old rows.",
        [("Leads/LeadStore.cs", "select organization_id, lead_id from leads where fold_version")] = "Leads folded by an earlier version, at the start; each row names its organization.",
        [("Leads/RescoringRunStore.cs", "select {Columns} from rescoring_runs where {Free}")] = "The queue of runs is worked off over all, organizations in turn.",
        [("Leads/StaleLeads.cs", "select 1 from rescoring_claims c")] = "Part of a condition; joined by organization and lead.",
        [("Leads/StaleLeads.cs", "select organization_id from leads where organization_id > @after")] = "Whose leads wait, organizations in turn.",
        [("Organizations/OrganizationStore.cs", "select organization_id from organizations order")] = "The list of organizations.",
        [("Organizations/GradePolicyStore.cs", "select organization_id from grade_policies where bounds_at_ms")] = "Whose bounds are to be worked out anew.",
        [("Jobs/JobRunStore.cs", "update job_runs set ended_at_ms = @nowMs, error = @Died")] = "Runs of a process that has died, whoever they were for.",
        [("Leads/LeadStore.cs", "update leads set closed_at_ms = {closedAtMs}")] = "Half a statement; the other half, Of, has the condition.",
        [("Storage/DatabaseCopy.cs", "select organization_id, version from model_bundles")] = "A backup holds the database as a whole.",
        [("Jobs/OwnScheduleStore.cs", "select organization_id from job_schedules where job = @job")] = "Whom the install's schedule leaves out.",
        [("Jobs/OwnScheduleStore.cs", "select {Columns} from job_schedules where next_at_ms")] = "What is due, of all; each row names its organization.",
        [("Privacy/ErasureStore.cs", "select 1 from erasures where scrubbed_at_ms is null")] = "Whether the files of the database, which are of all, are to be cleaned.",
        [("Privacy/ErasureStore.cs", "update erasures set scrubbed_at_ms")] = "The files that were cleaned are of all.",
        [("Privacy/ErasureStore.cs", "select public_key from privacy_keys")] = "Who checks a receipt has its file and nothing else.",
        [("Privacy/ErasureStore.cs", "select organization_id, hash from tombstones where created_at_ms")] = "What each process forgets, of all; each row names its organization.",
        [("Sync/SealErasedLinks.cs", "select organization_id, connector, record_id from lead_links where lead_id = ''")] = "Links of an earlier version, once; each row names its organization.",
        [("Jobs/JobRunStore.cs", "select max(started_at_ms) from job_runs")] = "When the schedule fired last, which is for all at once.",
    };

    [GeneratedRegex("""
        \$*\"{3}(?<text>.*?)\"{3}|\$?@?"(?<text>(?:[^"\\\n]|\\.)*)"
        """, RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Literal { get; }

    [GeneratedRegex(@"const string (?<name>\w+) = \$*(?:""{3}(?<text>.*?)""{3}|""(?<text>(?:[^""\\\n]|\\.)*)"")", RegexOptions.Singleline)]
    private static partial Regex Constant { get; }

    [GeneratedRegex(@"create table if not exists (?<name>\w+) \((?<columns>.*?)\n\)", RegexOptions.Singleline)]
    private static partial Regex Table { get; }

    [GeneratedRegex(@"\borganization_id\b")]
    private static partial Regex Organization { get; }

    /// <summary>Equal to a parameter, part of a tuple of keys, or the first column of what is put in. To be among the columns that are read is not enough.</summary>
    [GeneratedRegex(@"\borganization_id\s*=\s*@\w+|\(organization_id,|insert into \w+ \(organization_id", RegexOptions.IgnoreCase)]
    private static partial Regex Condition { get; }

    [Fact]
    public void Statements_OnTenantTables_SayOfWhichOrganization()
    {
        var statements = FolderRules.Sources(Sources).SelectMany(path => Statements(Path.GetRelativePath(Sources, path).Replace('\\', '/'), File.ReadAllText(path))).ToList();
        Assert.True(statements.Count > 250, $"Only {statements.Count} statements?");
        var offenders = statements.Where(s => !Condition.IsMatch(s.Expanded) && !OverAll.Keys.Any(k => k.File == s.File && s.Text.StartsWith(k.Begins, StringComparison.Ordinal))).Select(s => $"{s.File}: {s.Text}").ToList();
        Assert.True(offenders.Count == 0, "Add the condition on organization_id, or say in OverAll why it goes over all organizations:\n" + string.Join('\n', offenders));
        Assert.All(OverAll.Keys, k => Assert.True(statements.Any(s => s.File == k.File && s.Text.StartsWith(k.Begins, StringComparison.Ordinal)), $"{k} is in the list and not in the product."));
    }

    [Theory]
    [InlineData("const string Sql = \"select score from leads where lead_id = @leadId\";")]
    [InlineData("const string Sql = \"select organization_id, score from leads where lead_id = @leadId\";")]
    [InlineData("const string Sql = \"\"\"\n    delete from events\n    where event_id = @id\n    \"\"\";")]
    [InlineData("const string Row = \"where lead_id = @id\"; var sql = $\"update leads set score = 1 {Row}\";")]
    [InlineData("x.ExecuteAsync($\"insert into overrides (lead_id) values (@id)\")")]
    public void Statements_PlantedOffender_IsFound(string source) => Assert.Contains(Statements("planted.cs", source), s => !Condition.IsMatch(s.Expanded));

    [Fact]
    public void Statements_FragmentWithTheCondition_IsFollowed() =>
        Assert.All(Statements("fine.cs", "const string Row = \"where organization_id = @o and lead_id = @id\"; var sql = $\"update leads set score = 1 {Row}\";"), s => Assert.Matches(Condition, s.Expanded));

    private sealed record Statement(string File, string Text, string Expanded);

    private static IEnumerable<Statement> Statements(string file, string source)
    {
        var constants = Constant.Matches(source).GroupBy(m => m.Groups["name"].Value).ToDictionary(g => g.Key, g => string.Join(' ', g.Select(m => m.Groups["text"].Value)));
        var onTenantTable = new Regex($@"\b(from|join|into|update)\s+({string.Join('|', TenantTables())})\b");
        foreach (Match match in Literal.Matches(source))
        {
            var text = Blanks.Replace(match.Groups["text"].Value, " ").Trim();
            if (!Verb.IsMatch(text) || !onTenantTable.IsMatch(text)) continue;
            var expanded = text;
            // Parts of parts, a few deep.
            for (var depth = 0; depth < 3; depth++) expanded = Hole.Replace(expanded, m => constants.GetValueOrDefault(m.Groups[1].Value, m.Value));
            yield return new Statement(file, text, expanded);
        }
    }

    private static IReadOnlyList<string> TenantTables() =>
    [
        .. Directory.GetFiles(Path.Combine(Sources, "Storage/Migrations/sqlite"), "*.sql").SelectMany(f => Table.Matches(File.ReadAllText(f))).Where(m => Organization.IsMatch(m.Groups["columns"].Value)).Select(m => m.Groups["name"].Value).Distinct(),
    ];

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks { get; }

    [GeneratedRegex(@"^\s*(with|select|insert|update|delete)\b")]
    private static partial Regex Verb { get; }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Hole { get; }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
