using System.CommandLine;
using System.CommandLine.Parsing;
using System.Data.Common;
using LeadScoring.Connectors;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Cli;

/// <summary>The commands. Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage.</summary>
internal static class CommandLine
{
    internal const int Failed = 1;
    private const int Usage = 2;

    internal static async Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        var root = new RootCommand("Self-hosted lead scoring for n8n.");
        Command[] storing =
        [
            ServeCommand.Create(terminal), DemoCommand.Create(terminal), ImportCommand.Create(terminal), TrainCommand.Create(terminal), TrainRunCommand.Create(terminal),
            ExportMatrixCommand.Create(terminal), ScoreCommand.Create(terminal), KeysCommand.Create(terminal), RetentionCommand.Create(terminal), BackupCommand.Create(terminal), BackupCommand.CreateRestore(terminal), AuditCommand.Create(terminal), PrivacyCommand.Create(terminal), ConnectorsCommand.Create(terminal),
        ];
        foreach (var command in storing)
        {
            command.Options.Add(CommonOptions.Data);
            command.Options.Add(CommonOptions.Database);
            root.Subcommands.Add(command);
        }

        root.Subcommands.Add(ProfileCommand.Create(terminal));
        root.Subcommands.Add(EvaluateCommand.Create(terminal));

        var parsed = root.Parse(args);
        Actor.Is($"command {string.Join(' ', CommandsOf(parsed.CommandResult))}");
        // Long enough for the server to answer what it has begun.
        var configuration = new InvocationConfiguration
        {
            Output = terminal.Output, Error = terminal.ErrorOutput, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(20),
        };
        try
        {
            var code = await parsed.InvokeAsync(configuration, cancellationToken);
            return parsed.Errors.Count > 0 ? Usage : code;
        }
        catch (OperationCanceledException)
        {
            terminal.Error("Stopped. Nothing is half-stored; the same command goes on from here.");
            return Failed;
        }
        catch (Exception e)
        {
            terminal.Error(Explain(e));
            return Failed;
        }
    }

    private static IEnumerable<string> CommandsOf(SymbolResult? result) => result switch
    {
        CommandResult { Command: RootCommand } or null => [],
        CommandResult command => [.. CommandsOf(command.Parent), command.Command.Name],
        _ => CommandsOf(result.Parent),
    };

    private static string Explain(Exception e) => e switch
    {
        ProblemException { Errors.Count: > 1 } problem => $"{problem.Message} {string.Join(" ", problem.Errors!.Select(x => x.Detail))}",
        ProblemException or ConnectorException or CsvException or StorageException or ProfileException or BundleException or TrainingException or ArgumentException => e.Message,
        OptionsValidationException options => string.Join(" ", options.Failures),
        DbException => $"The database refused: {e.Message}",
        IOException or UnauthorizedAccessException => e.Message,
        _ => $"Unexpected failure ({e.GetType().Name}): {e.Message}",
    };
}
