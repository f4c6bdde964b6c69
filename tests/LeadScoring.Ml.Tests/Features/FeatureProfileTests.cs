using System.Diagnostics;
using System.Text;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class FeatureProfileTests
{
    [Theory]
    [InlineData("real-estate", 26)]
    [InlineData("generic", 19)]
    public void Parse_ShippedProfile_HasItsFeatures(string name, int features)
    {
        var profile = FeatureProfile.Parse(ShippedProfiles.Text(name));
        Assert.Equal((name, features), (profile.Name, profile.Features.Count));
        Assert.NotEmpty(profile.Rules);
        // Every grade has a default action.
        foreach (var grade in (string[])["A", "B", "C", "D"])
            Assert.Contains(profile.Actions, a => a.When.Count == 0 && (a.Grades.Count == 0 || a.Grades.Contains(grade)));
    }

    [Theory]
    [InlineData("name: p", "features")]
    [InlineData("features: [{ name: x }]", "name")]
    [InlineData("name: p\nhorizon_days: 0\nfeatures: [{ name: x }]", "horizon_days", "1..3650")]
    [InlineData("name: p\ntime_zone: Mars/Base\nfeatures: [{ name: x }]", "time_zone", "Mars/Base", "Europe/Berlin")]
    [InlineData("name: p\nfeatures: [{ name: x }, { kind: numeric }]", "features[1].name")]
    [InlineData("name: p\nfeatures: [{ name: x }, ~]", "features[1]")]
    [InlineData("name: p\nfeatures: [{ name: x }, { name: x }]", "features[1]", "'x'", "twice")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: blue }]", "'x'", "blue", "categorical")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: 7 }]", "'x'", "7", "categorical")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: 'categorical, boolean' }]", "'x'", "categorical, boolean")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['crm:x'] }]", "'x'", "crm:x", "attribute:")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['attribute:'] }]", "'x'", "attribute:")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['attribute:a | sum'] }]", "'x'", "sum", "days_since")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['activity:sum(chat)'] }]", "'x'", "sum", "weekly_slope")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['activity:count'] }]", "'x'", "count(phone_call)")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['activity:count(chat'] }]", "'x'", "')'")]
    [InlineData("name: p\nfeatures: [{ name: x, from: ['activity:rate(a)'] }]", "'x'", "rate(email_opened / email_sent)")]
    [InlineData("name: p\nfeatures: [{ name: x, from: [~] }]", "'x'", "from")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: categorical, lookup: t }]", "'x'", "'t'", "lookups")]
    [InlineData("name: p\nlookups: { t: { a: l, A: m } }\nfeatures: [{ name: x, kind: categorical, lookup: t }]", "'t'", "'A'")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: categorical, bands: [3, 2] }]", "'x'", "ascend")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: categorical, bands: [] }]", "'x'", "ascend")]
    [InlineData("name: p\nfeatures: [{ name: x, kind: categorical, bands: [.nan] }]", "'x'", "bands")]
    [InlineData("name: p\nfeatures: [{ name: x, bands: [3] }]", "'x'", "categorical")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nrules: [{ feature: y, points: 1 }]", "rules[0]", "'y'")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nrules: [~]", "rules[0]")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nrules: [{ feature: x, points: .nan }]", "rules[0]", "points")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nrules: [{ feature: x, at_least: .nan, points: 1 }]", "rules[0]", "at_least")]
    [InlineData("name: p\nstart_points: .inf\nfeatures: [{ name: x }]", "start_points")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nactions: [{ id: a }]", "actions[0]", "text")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nactions: [~]", "actions[0]")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nactions: [{ id: a, text: b, grades: [E] }]", "actions[0]", "A, B, C, D")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nactions: [{ id: a, text: b, when: [{ feature: z }] }]", "actions[0].when[0]", "'z'")]
    [InlineData("name: p\nfeatures: [{ name: x }]\nactions: [{ id: a, text: b, when: [~] }]", "actions[0].when[0]")]
    [InlineData("name: p\nbusiness_hours: { from: 18, to: 9 }\nfeatures: [{ name: x }]", "business_hours")]
    [InlineData("name: p\nbusiness_hours: { days: [7] }\nfeatures: [{ name: x }]", "business_hours")]
    [InlineData("name: p\nfeature: [{ name: x }]", "line 2", "feature")]
    [InlineData("name: p\nfeatures: [{ name: x, unknown_key: 1 }]", "line 2", "unknown_key")]
    [InlineData("name: p\nname: q\nfeatures: [{ name: x }]", "line 2", "name")]
    [InlineData("name: p\nfeatures: [{ name: x", "line")]
    [InlineData("name: p\nhorizon_days: soon\nfeatures: [{ name: x }]", "line 2")]
    [InlineData("name: p\nfeatures: 3", "line 2")]
    [InlineData("name: [p]", "line 1")]
    [InlineData("", "empty")]
    [InlineData("# nothing", "empty")]
    [InlineData("just text", "line 1")]
    [InlineData("name: *nowhere", "line 1")]
    [InlineData("\u0000", "empty")]
    public void Parse_Fault_NamesPlaceAndRemedy(string yaml, params string[] parts)
    {
        var ex = Assert.Throws<ProfileException>(() => FeatureProfile.Parse(yaml));
        Assert.All(parts, part => Assert.Contains(part, ex.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_SeveralFaults_ListsThemAll()
    {
        var ex = Assert.Throws<ProfileException>(() => FeatureProfile.Parse(
            "horizon_days: 0\ntime_zone: X\nfeatures: [{ name: a, kind: b }, { name: c, from: ['d:e'] }]\nrules: [{ feature: f }]"));
        Assert.All((string[])["name:", "horizon_days", "time_zone", "'a'", "'c'", "rules[0]"], part => Assert.Contains(part, ex.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Parse_AliasBomb_IsRefusedAtOnce()
    {
        var conditions = new StringBuilder("name: p\nfeatures: [{ name: x }]\nactions:\n- { id: a, text: t, when: &w [");
        for (var i = 0; i < 20_000; i++) conditions.Append(i == 0 ? "{feature: x}" : ",{feature: x}");
        conditions.Append("] }\n");
        for (var i = 0; i < 20_000; i++) conditions.Append("- { id: a, text: t, when: *w }\n");
        Refused(conditions.ToString());

        var sources = new StringBuilder("name: p\nfeatures:\n- { name: x, from: &w [");
        for (var i = 0; i < 20_000; i++) sources.Append(i == 0 ? "'attribute:x'" : ",'attribute:x'");
        sources.Append("] }\n");
        for (var i = 0; i < 20_000; i++) sources.Append(System.Globalization.CultureInfo.InvariantCulture, $"- {{ name: x{i}, from: *w }}\n");
        Refused(sources.ToString());
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{ a: ")]
    [InlineData("- ")]
    public void Parse_DeeplyNested_IsRefusedAtOnce(string opening)
    {
        Refused("name: p\nfeatures: " + string.Concat(Enumerable.Repeat(opening, 50_000)));
        Refused("x: " + string.Concat(Enumerable.Repeat(opening, 50_000)));
        Refused(string.Concat(Enumerable.Repeat(opening, 50_000)));
    }

    [Fact]
    public void Parse_Huge_IsRefusedWithTheLimit()
    {
        var ex = Assert.Throws<ProfileException>(() => FeatureProfile.Parse("name: p\n# " + new string('x', 4_000_000)));
        Assert.Contains("4000000", ex.Message);
        var many = new StringBuilder("name: p\nfeatures:\n");
        for (var i = 0; i < 1_001; i++) many.Append(System.Globalization.CultureInfo.InvariantCulture, $"- name: f{i}\n");
        Assert.Contains("1001", Assert.Throws<ProfileException>(() => FeatureProfile.Parse(many.ToString())).Message);
    }

    [Fact]
    public void Parse_MutatedProfiles_OnlyEverThrowProfileException()
    {
        string[] good = [ShippedProfiles.Text("real-estate"), ShippedProfiles.Text("generic")];
        string[] parts = ["~", "[", "]", "{", "}", ": ", "- ", "\n", "&a ", "*a", "!!int ", "!!binary ", "'", "\"", "|", "\t", ".nan", "999999999999", "? ", "---\n", "\u0007", "%"];
        for (var seed = 0; seed < 120; seed++)
        {
            var random = new Random(seed);
            var yaml = new StringBuilder(good[seed % 2]);
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                var at = random.Next(yaml.Length);
                if (random.Next(2) == 0) yaml.Remove(at, Math.Min(random.Next(1, 20), yaml.Length - at));
                yaml.Insert(Math.Min(at, yaml.Length), parts[random.Next(parts.Length)]);
            }

            try
            {
                FeatureProfile.Parse(yaml.ToString());
            }
            catch (ProfileException)
            {
            }
        }
    }

    [Fact]
    public void Hash_LineEndings_AreFoldedAndElseEveryCharacterCounts()
    {
        const string Yaml = "name: p\nfeatures: [{ name: x }]\n";
        var hash = FeatureProfile.Parse(Yaml).Hash;
        Assert.Equal(hash, FeatureProfile.Parse(Yaml.Replace("\n", "\r\n", StringComparison.Ordinal)).Hash);
        Assert.NotEqual(hash, FeatureProfile.Parse(Yaml + "# more\n").Hash);
        Assert.Equal(64, hash.Length);
    }

    [Fact]
    public void Parse_LeftOutParts_HaveTheirDefaults()
    {
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: some_thing }]");
        Assert.Equal((90, TimeZoneInfo.Utc, 10.0), (profile.HorizonDays, profile.Zone, profile.StartPoints));
        Assert.Equal(BusinessHours.Default, profile.Hours);
        var feature = profile.Features[0];
        Assert.Equal(("some thing", "other", FeatureKind.Numeric, "attribute:some_thing"), (feature.Label, feature.Group, feature.Kind, feature.Sources[0].Text));
    }

    [Fact]
    public void Without_Features_DropsTheirRulesAndActions()
    {
        var whole = ShippedProfiles.RealEstate.Value;
        var less = whole.Without(new HashSet<string> { "showing_requests", "recency" });
        Assert.Equal(24, less.Features.Count);
        Assert.Equal(-1, less.IndexOf("recency"));
        Assert.DoesNotContain(less.Rules, r => r.When.Feature is "showing_requests" or "recency");
        Assert.DoesNotContain(less.Actions, a => a.Id is "call_now" or "reactivate_call");
        Assert.Equal((whole.Hash, whole.Zone, whole.HorizonDays), (less.Hash, less.Zone, less.HorizonDays));
    }

    [Fact]
    public void Parse_SubScoreAndChange_HaveDefaultsByGroupAndSource()
    {
        var profile = FeatureProfile.Parse("""
            name: x
            features:
              - { name: age, group: demographic }
              - { name: calls, group: engagement, from: ["activity:count(call)"] }
              - { name: last, group: temporal, from: [attribute:last, activity:days_since_last] }
              - { name: searches, group: intent, sub_score: fit, change: any, from: ["activity:count(search)"] }
              - { name: own, group: of_mine, sub_score: Intent, change: decrease, phrase: "{value} own{s}" }
            """);
        Assert.Equal(
            [(SubScore.Fit, ValueChange.Any), (SubScore.Engagement, ValueChange.Increase), (SubScore.Engagement, ValueChange.Decrease), (SubScore.Fit, ValueChange.Any), (SubScore.Intent, ValueChange.Decrease)],
            profile.Features.Select(f => (f.SubScore, f.Change)));
        Assert.Equal(["", "", "", "", "{value} own{s}"], profile.Features.Select(f => f.Phrase));
        // Wording and grouping are not what a model rests on.
        Assert.Equal(
            FeatureProfile.Parse("name: x\nfeatures:\n  - { name: a }\n").FeaturesHash,
            FeatureProfile.Parse("name: x\nfeatures:\n  - { name: a, sub_score: intent, change: increase, phrase: \"{value}\" }\n").FeaturesHash);
    }

    [Theory]
    [InlineData("sub_score: fitness", "sub_score 'fitness'", "fit, engagement, intent")]
    [InlineData("sub_score: '1'", "sub_score '1'", "fit, engagement, intent")]
    [InlineData("change: up", "change 'up'", "any, increase, decrease")]
    [InlineData("phrase: three calls", "phrase", "{value}")]
    public void Parse_WordingFaults_NameWhatThereIs(string line, string what, string remedy)
    {
        var ex = Assert.Throws<ProfileException>(() => FeatureProfile.Parse($"name: x\nfeatures:\n  - name: a\n    {line}\n"));
        Assert.Contains(what, ex.Message);
        Assert.Contains(remedy, ex.Message);
    }

    [Theory]
    [InlineData(1.0, null, null, 1.0, true)]
    [InlineData(1.0, null, null, 0.999, false)]
    [InlineData(null, 3.0, null, 3.0, true)]
    [InlineData(null, 3.0, null, 3.001, false)]
    [InlineData(1.0, 3.0, null, 2.0, true)]
    [InlineData(1.0, null, null, double.NaN, false)]
    [InlineData(null, null, null, double.NaN, false)]
    [InlineData(null, null, "true", 1.0, true)]
    [InlineData(null, null, "true", 0.0, false)]
    [InlineData(null, null, "false", 0.0, true)]
    [InlineData(null, null, "true", 2.0, false)]
    public void Condition_Numbers_Table(double? low, double? high, string? level, double number, bool expected) =>
        Assert.Equal(expected, new FeatureCondition { Feature = "x", AtLeast = low, AtMost = high, Is = level is null ? null : [level] }.Holds(new FeatureValue(number, null)));

    [Fact]
    public void Condition_Levels_IgnoreCase()
    {
        var condition = new FeatureCondition { Feature = "x", Is = ["Paid", "owner"] };
        Assert.True(condition.Holds(new FeatureValue(double.NaN, "OWNER")));
        Assert.False(condition.Holds(new FeatureValue(double.NaN, "renter")));
        Assert.False(condition.Holds(FeatureValue.Missing));
    }

    private static void Refused(string yaml)
    {
        var clock = Stopwatch.StartNew();
        var ex = Assert.Throws<ProfileException>(() => FeatureProfile.Parse(yaml));
        // Unbounded it takes hours; the bound leaves room for a busy machine.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        Assert.InRange(ex.Message.Length, 1, 20_000);
    }
}
