using System.CommandLine;
using LeadScoring.Sidecar.Imports;

namespace LeadScoring.Sidecar.Cli;

internal static class ServeCommand
{
    // Loopback: whoever wants it on the network says so, and puts TLS in front.
    private const string DefaultUrl = "http://127.0.0.1:5080";

    internal static Command Create(Terminal terminal)
    {
        var url = new Option<string?>("--url") { Description = $"Address to listen on. Default: LEADSCORING__URL, else {DefaultUrl}.", HelpName = "URL" };
        var command = new Command("serve", "Runs the HTTP service.") { url };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var builder = CommonOptions.CreateBuilder(parsed);
            var address = parsed.GetValue(url) ?? builder.Configuration["LeadScoring:Url"] ?? DefaultUrl;
            builder.WebHost.UseUrls(address).ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
            await using var app = builder.Build();
            await app.PrepareAsync(cancellationToken);
            app.MapSlices();
            await app.StartAsync(cancellationToken);
            terminal.Line($"Listening on {string.Join(", ", app.Urls)}");
            try
            {
                await app.WaitForShutdownAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                // Ctrl+C and SIGTERM are how a server ends.
            }

            return 0;
        });
        return command;
    }
}
