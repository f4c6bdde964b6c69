using System.CommandLine;
using LeadScoring.Sidecar.Sync;

namespace LeadScoring.Sidecar.Cli;

internal static class ConnectorsCommand
{
    internal static Command Create(Terminal terminal) => new("connectors", "Tries the connections to CRMs and e-mail platforms.") { Check(terminal) };

    private static Command Check(Terminal terminal)
    {
        var name = new Argument<string>("NAME") { Description = "Name of the account in the settings, such as hubspot for LEADSCORING__CONNECTORS__HUBSPOT__TOKEN." };
        var command = new Command("check", "Tries credentials, permissions and fields of an account and lists what is missing. Changes nothing.") { name };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var accounts = app.Services.GetRequiredService<ConnectorAccounts>();
            if (accounts.Find(parsed.GetValue(name)!.ToLowerInvariant()) is not { } account)
            {
                terminal.Error($"There is no connector of this name. There are: {(accounts.All.Count == 0 ? "none; set LEADSCORING__CONNECTORS__{NAME}__TOKEN" : string.Join(", ", accounts.All.Select(a => a.Name)))}.");
                return CommandLine.Failed;
            }

            var check = await accounts.Connector(account).CheckAsync(account.WritesBack ? WriteBackFields.Of(account.Settings.FieldPrefix) : [], cancellationToken);
            if (check.Account is { } number) terminal.Line($"{account.Name}: {number}, organization {account.OrganizationId}");
            foreach (var step in check.Steps) terminal.Line($"  {(step.IsRight ? "ok     " : "missing")} {step.What}{(step.Advice is null ? "" : ": " + step.Advice)}");
            return check.IsRight ? 0 : CommandLine.Failed;
        });
        return command;
    }
}
