using System.Diagnostics;
using System.Globalization;
using System.Text;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Trees;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Imports;

namespace LeadScoring.Sidecar.Tests.Fuzzing;

/// <summary>Gives a reader real files with faults in them: it reads them or says by its own exception why not; within a bound of time and memory. What it takes is then used.</summary>
internal sealed class ReaderFuzz
{
    /// <summary>A thread's time on the processor for one file; the files are small.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    internal const long MostBytes = 600_000_000;

    private static readonly long NowMs = new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private readonly Func<Random, byte[]> mutate;

    /// <summary>Whether it was taken; throws what the reader throws.</summary>
    private readonly Action<byte[], Random> read;

    private readonly Func<Exception, bool> isOwn;

    private ReaderFuzz(string name, Func<Random, byte[]> mutate, Action<byte[], Random> read, Func<Exception, bool> isOwn) => (Name, this.mutate, this.read, this.isOwn) = (name, mutate, read, isOwn);

    internal string Name { get; }

    internal int Taken { get; private set; }

    internal int Refused { get; private set; }

    internal TimeSpan Slowest { get; private set; }

    internal long LargestBytes { get; private set; }

    internal List<string> Faults { get; } = [];

    /// <param name="bundle">A good bundle.</param>
    internal static ReaderFuzz OfBundles(byte[] bundle) => new("model bundle", r => FileMutation.Bundle(bundle, r), (file, r) => Use(ModelBundle.Read(file), r), e => e is BundleException);

    /// <param name="models">Good models as XGBoost writes them.</param>
    internal static ReaderFuzz OfXGBoost(IReadOnlyList<byte[]> models) =>
        new("XGBoost JSON", r => FileMutation.Json(models[r.Next(models.Count)], r), (file, r) => Use(TreeEnsemble.FromXGBoostJson(file), r), e => e is TreeModelFormatException);

    internal static ReaderFuzz OfProfiles(IReadOnlyList<byte[]> profiles) => new("profile (YAML)", r => FileMutation.Text(profiles[r.Next(profiles.Count)], r), (file, _) =>
    {
        var profile = FeatureProfile.Parse(Encoding.UTF8.GetString(file));
        new FeatureExtractor(profile).Extract(new LeadSnapshot(new Dictionary<string, AttributeValue> { ["budget"] = AttributeValue.From(1.0), ["email"] = AttributeValue.From("a@b.example") }, ActivityState.Replay([], NowMs)), NowMs);
    }, e => e is ProfileException);

    /// <param name="folder">Where files are written for a moment.</param>
    internal static ReaderFuzz OfCsv(IReadOnlyList<byte[]> files, string folder) => new("CSV import", r => FileMutation.Text(files[r.Next(files.Count)], r), (file, r) =>
    {
        var path = Path.Combine(folder, $"fuzz-{Environment.CurrentManagedThreadId}.csv");
        File.WriteAllBytes(path, file);
        using var table = CsvTable.Open(path);
        var reader = RowReader.For(table, new ImportMapping((ImportKind)r.Next(3), null, null, null));
        var profiler = new ColumnProfiler(table);
        foreach (var row in table.Rows())
        {
            var item = reader.Read(row, NowMs);
            profiler.Add(row);
            if (item.Fault is null && item.Lead is null && item.Event is null && item.Outcome is null) throw new InvalidOperationException($"line {row.Line} is neither read nor refused");
        }
    }, e => e is CsvException);

    internal static ReaderFuzz OfEventLines(byte[] lines) => new("events (NDJSON)", r => FileMutation.Text(lines, r), (file, _) =>
    {
        var caller = new Caller("acme", "k", ApiScope.Write);
        using var text = new StreamReader(new MemoryStream(file), new UTF8Encoding(false));
        var reader = new LineReader(text, 100_000);
        var index = 0L;
        // Lines are in memory already: nothing is waited for.
        while (reader.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult() is { } line)
        {
            if (line.IsEmpty) continue;
            var item = ItemLine.Parse(line, index++, caller, 100_000);
            if (EventItem.Read(item, NowMs) is null && item.Errors.Count == 0) throw new InvalidOperationException("neither read nor refused");
        }
    }, _ => false);

    /// <param name="seed">Files from..from+count of this seed are always the same.</param>
    internal void Run(int seed, int from, int count)
    {
        for (var number = from; number < from + count; number++)
        {
            var random = new Random(unchecked((seed * 1_000_003) + number));
            var file = mutate(random);
            var (bytes, clock) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
            try
            {
                read(file, random);
                Taken++;
            }
            catch (Exception e) when (isOwn(e) && e.Message.Length > 10)
            {
                Refused++;
            }
            catch (Exception e)
            {
                Fault(seed, number, $"{e.GetType().Name}: {e.Message} {string.Join(" < ", (e.StackTrace ?? "").Split('\n').Take(3).Select(l => l.Trim()))}");
            }

            var (took, allocated) = (Stopwatch.GetElapsedTime(clock), GC.GetAllocatedBytesForCurrentThread() - bytes);
            if (took > Slowest) Slowest = took;
            LargestBytes = Math.Max(LargestBytes, allocated);
            if (took > Longest) Fault(seed, number, $"took {took.TotalSeconds:0.0} s for {file.Length} bytes");
            if (allocated > MostBytes) Fault(seed, number, string.Create(CultureInfo.InvariantCulture, $"allocated {allocated:N0} bytes for {file.Length} bytes"));
        }
    }

    private void Fault(int seed, int number, string what)
    {
        if (Faults.Count < 50) Faults.Add($"{Name}, seed {seed}, file {number}: {what.ReplaceLineEndings(" ")}");
    }

    /// <summary>A bundle that was taken scores and explains any lead, with numbers.</summary>
    private static void Use(ModelBundle bundle, Random random)
    {
        var model = bundle.Model;
        var explainer = new Explainer(model);
        for (var n = 0; n < 3; n++)
        {
            FeatureValue[] values = [.. model.Profile.Features.Select(f => n == 0 ? FeatureValue.Missing : f.Kind == FeatureKind.Categorical ? new FeatureValue(double.NaN, random.Next(2) == 0 ? "house" : "x") : new FeatureValue(random.Next(-5, 1_000), null))];
            Check(model.Score(values));
            Check(model.QuickScore(values));
            if (n == 0) explainer.Explain(values);
        }

        static void Check(LeadScore score)
        {
            if (!(score.Probability is >= 0 and <= 1) || !(score.Points is >= 0 and <= 100)) throw new InvalidOperationException($"A model that was taken scores {score.Points} points, probability {score.Probability}.");
        }
    }

    /// <summary>A forest that was taken gives the margins that a plain walk through its trees gives.</summary>
    private static void Use(TreeEnsemble trees, Random random)
    {
        var rows = new float[9 * trees.FeatureCount];
        for (var i = 0; i < rows.Length; i++) rows[i] = random.Next(5) switch { 0 => float.NaN, 1 => float.PositiveInfinity, 2 => float.NegativeInfinity, _ => (float)((random.NextDouble() * 20) - 5) };
        var margins = new float[9];
        trees.Margins(rows, margins);
        for (var r = 0; r < margins.Length; r++)
        {
            var row = rows.AsSpan(r * trees.FeatureCount, trees.FeatureCount);
            var walked = trees.BaseMargin;
            foreach (var tree in trees.Trees) walked += tree.Values[tree.FindLeaf(row)];
            if (!float.IsFinite(margins[r]) || walked != margins[r] || trees.Margin(row) != margins[r]) throw new InvalidOperationException($"The margin is {margins[r]}, a walk gives {walked}.");
        }
    }
}
