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
            builder.WebHost.UseUrls(address).ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                // Who opens connections and says nothing, or says it a byte at a time, keeps nobody else out. The server's own bounds stay as they are: 32 kB of headers, 8 kB of an address, bodies of at least 240 bytes a second.
                kestrel.Limits.MaxConcurrentConnections = 10_000;
                kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            });
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
