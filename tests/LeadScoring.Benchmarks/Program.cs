using System.Globalization;

namespace LeadScoring.Benchmarks;

internal static class BenchmarkProgram
{
    private const string Help = """
        Measures what the product costs and how good it is; prints Markdown.

          dotnet run -c Release --project tests/LeadScoring.Benchmarks -- NAME ... [--quick] [--public-data DIR] [--set SET/COLUMNS] [--predictions DIR] [--postgres STRING] [--growth LEADS,LEADS,...] [--seconds N]

          inference   CPU time per lead of the members and the whole ensemble, beside XGBoost's own C API
          explain     CPU time of tree SHAP and whole explanations, beside XGBoost's pred_contribs
          training    wall and CPU time of a whole training on 80,000 demo leads, and of each member's fit
          quality     AUC, log loss and calibration in the demo world beside the truth, and on public sets where given
          factors     factors beside sampled Shapley values, and whether they sum to the score
          confidence  confidence by band
          intervals   conversion intervals forward in time, and while time goes on with outcomes coming in
          quality-forward  the product's targets one by one forward in time, and the base-rate shift of the bank series where public sets are given
          ingestion   CPU time per event of storing and folding, beside a raw insert of the same rows, on SQLite and (--postgres, or LEADSCORING_TEST_POSTGRES) PostgreSQL
          startup     process start to ready, first and later requests
          pages       the dashboard's pages with 10,000 open leads and 100,000 outcomes, each beside the 200 ms that it may take (ten minutes, most of them training)
          http        requests/s, CPU time and latency of the service over loopback, beside an empty endpoint (needs wrk; redis-server for the part with Redis)
          stream      500 events/s beside 200 scores/s: from an event's acknowledgement to its score, memory and times while it goes on (two minutes, or --seconds)
          backfill    reading a whole account of a simulated HubSpot of 50,000 contacts: at full speed, and at HubSpot's limits with faults and killed twice (a quarter of an hour)
          write-back  50 changes/s at a simulated HubSpot: from the change to its score in the CRM (two minutes, or --seconds)
          training-load  scores/s at a fixed rate with and without a training going on: p50 and p99 (four minutes)
          year        a year of the demo world on a simulated clock at full size, with drift and without: what was found when, and champions against the truth (an hour)
          fuzz        100,000 hostile requests made from sidecar/openapi.json, over HTTP, on SQLite and (--postgres) PostgreSQL; with --readers 50,000 broken files for each reader instead
          faults      two replicas, PostgreSQL and Redis under steady load while parts of them are killed, frozen and restarted (20 minutes, or --minutes)
          plots       the plots of sidecar/docs/methodology.md, drawn anew from public sets, and the figures in them (needs --public-data)
          all         all of them but year, fuzz and faults

          --quick            less data and fewer rounds: a minute or so instead of many; not for publishing
          --postgres STRING  connection string of a server whose user may make databases (ingestion); tests/with-postgres.sh makes one, but it syncs nothing
          --growth LIST      ingestion: instead of the above, CPU time per event and per stored score at so many leads in the database, such as 10000,100000,1000000
          --public-data DIR  folder with sets/NAME.csv, sets/NAME.schema.json and splits/NAME.test.txt (quality, quality-forward, confidence, intervals, plots)
          --readers          fuzz: the readers of files
          --minutes N        faults: how long
          --seconds N        stream, write-back: how long; 600 for a soak
          --set SET/COLUMNS  quality: this public set only, and not the demo world, such as x_education/noleak
          --predictions DIR  quality: writes row, label, spec and auto of the test rows to DIR/SET_COLUMNS.csv, to be compared with other models row by row

        All but startup, pages, http, stream, training-load, backfill and write-back are CPU time of a thread or process, so that other work on the machine disturbs them less.
        """;

    private static readonly (string Name, Func<BenchmarkOptions, Task> Run)[] All =
    [
        ("inference", InferenceBenchmark.RunAsync), ("explain", ExplainBenchmark.RunAsync), ("training", TrainingBenchmark.RunAsync),
        ("quality", QualityBenchmark.RunAsync), ("factors", ConfidenceBenchmark.FactorsAsync), ("confidence", ConfidenceBenchmark.BandsAsync), ("intervals", ConfidenceBenchmark.IntervalsAsync), ("quality-forward", HonestyBenchmark.RunAsync), ("ingestion", IngestionBenchmark.RunAsync), ("startup", StartupBenchmark.RunAsync), ("pages", PagesBenchmark.RunAsync), ("http", HttpBenchmark.RunAsync), ("stream", StreamBenchmark.RunAsync), ("training-load", TrainingLoadBenchmark.RunAsync), ("backfill", ConnectorBenchmark.BackfillAsync), ("write-back", ConnectorBenchmark.WriteBackAsync), ("year", YearBenchmark.RunAsync),
        ("plots", PlotsBenchmark.RunAsync), ("fuzz", FuzzBenchmark.RunAsync), ("faults", FaultBenchmark.RunAsync),
    ];

    // They take long, and say nothing of speed.
    private static readonly string[] NotInAll = ["year", "fuzz", "faults"];

    private static async Task<int> Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (args is [EmptyServer.Command, var url, .. var sizes])
        {
            await EmptyServer.RunAsync(url, sizes.Select(int.Parse));
            return 0;
        }

        var names = new List<string>();
        var options = new BenchmarkOptions(false, null, null, null, Environment.GetEnvironmentVariable("LEADSCORING_TEST_POSTGRES"), [], null);
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--quick") options = options with { Quick = true };
            else if (args[i] == "--public-data" && i + 1 < args.Length) options = options with { PublicData = args[++i] };
            else if (args[i] == "--set" && i + 1 < args.Length) options = options with { OnlySet = args[++i] };
            else if (args[i] == "--predictions" && i + 1 < args.Length) options = options with { Predictions = args[++i] };
            else if (args[i] == "--postgres" && i + 1 < args.Length) options = options with { Postgres = args[++i] };
            else if (args[i] == "--seconds" && i + 1 < args.Length) options = options with { Seconds = int.Parse(args[++i]) };
            else if (args[i] == "--readers") options = options with { Readers = true };
            else if (args[i] == "--minutes" && i + 1 < args.Length) options = options with { Minutes = int.Parse(args[++i]) };
            else if (args[i] == "--growth" && i + 1 < args.Length) options = options with { Growth = [.. args[++i].Split(',').Select(int.Parse)] };
            else names.Add(args[i]);
        }

        var chosen = All.Where(b => names.Contains(b.Name) || (names.Contains("all") && !NotInAll.Contains(b.Name))).ToArray();
        if (chosen.Length == 0 || names.Any(n => n != "all" && !All.Any(b => b.Name == n)))
        {
            Report.Line(Help);
            return names is [] or ["--help"] or ["-h"] or ["help"] ? 0 : 2;
        }

        Report.Machine();
        foreach (var (name, run) in chosen)
        {
            Report.Title(name + (options.Quick ? " (--quick: not for publishing)" : ""));
            await run(options);
        }

        return 0;
    }
}

/// <param name="Quick">Less data, fewer rounds.</param>
/// <param name="PublicData">Folder with public sets; null when not given.</param>
/// <param name="OnlySet">The one public set and columns to take; null = all.</param>
/// <param name="Predictions">Folder for predictions of test rows; null = none are written.</param>
/// <param name="Postgres">Connection string of a PostgreSQL server; null when not given.</param>
/// <param name="Growth">Numbers of leads to measure ingestion at; empty: not that.</param>
/// <param name="Seconds">How long a stream goes on; null: as long as it takes to see something.</param>
internal sealed record BenchmarkOptions(bool Quick, string? PublicData, string? OnlySet, string? Predictions, string? Postgres, int[] Growth, int? Seconds)
{
    /// <summary>Fuzz the readers of files, not the requests.</summary>
    public bool Readers { get; init; }

    /// <summary>How long the schedule of faults takes.</summary>
    public int Minutes { get; init; } = 20;
}
