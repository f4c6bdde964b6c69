using System.CommandLine;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Cli;

internal static class KeysCommand
{
    internal static Command Create(Terminal terminal) => new("keys", "Makes, lists and revokes API keys.")
    {
        CreateKey(terminal), ListKeys(terminal), RevokeKey(terminal),
    };

    private static Command CreateKey(Terminal terminal)
    {
        var organization = CommonOptions.Organization(required: true);
        var name = new Option<string>("--name") { Description = "What the key is for, so that you know it again.", DefaultValueFactory = _ => "n8n", HelpName = "TEXT" };
        var scopes = new Option<string>("--scopes")
        {
            Description = "score (read and score), write (also store leads, events, outcomes) or admin (also keys, profiles, training). Each includes the ones before.",
            DefaultValueFactory = _ => "write", HelpName = "SCOPE",
        };
        scopes.Validators.Add(result =>
        {
            if (Scope(result.GetValueOrDefault<string>()) is null) result.AddError("--scopes: score, write or admin.");
        });
        var command = new Command("create", "Makes a key and shows it this once. Makes the organization when it is new.") { organization, name, scopes };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var id = parsed.GetValue(organization)!;
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync(id, cancellationToken);
            var key = await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync(id, parsed.GetValue(name)!, Scope(parsed.GetValue(scopes))!.Value, cancellationToken);
            // Alone on its line, so that a script can take it.
            terminal.Line(key.Reveal());
            return 0;
        });
        return command;
    }

    private static Command ListKeys(Terminal terminal)
    {
        var organization = CommonOptions.Organization(required: true);
        var command = new Command("list", "Lists an organization's keys, without their secrets.") { organization };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var keys = await app.Services.GetRequiredService<ApiKeyStore>().ListAsync(parsed.GetValue(organization)!, cancellationToken);
            terminal.Table(["key id", "name", "scope", "created", "revoked"], [.. keys.Select(k => (IReadOnlyList<string>)
                [k.KeyId, k.Name, k.Scope, MomentConverter.Text(Moment.Of(k.CreatedAtMs)), Moment.Of(k.RevokedAtMs) is { } revoked ? MomentConverter.Text(revoked) : ""])]);
            return 0;
        });
        return command;
    }

    private static Command RevokeKey(Terminal terminal)
    {
        var keyId = new Argument<string>("KEY_ID") { Description = "Key id as shown by keys list: the part between lsk_ and the next underscore." };
        var organization = CommonOptions.Organization(required: true);
        var command = new Command("revoke", "Revokes a key. A running server stops taking it within 30 seconds.") { keyId, organization };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            if (await app.Services.GetRequiredService<ApiKeyStore>().RevokeAsync(parsed.GetValue(organization)!, parsed.GetValue(keyId)!, cancellationToken))
            {
                terminal.Line("Revoked.");
                return 0;
            }

            terminal.Error("The organization has no such key, or it was revoked before.");
            return CommandLine.Failed;
        });
        return command;
    }

    private static ApiScope? Scope(string? text)
    {
        ApiScope? highest = null;
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.TrimEntries))
        {
            if (!Enum.TryParse<ApiScope>(part, ignoreCase: true, out var scope) || !Enum.IsDefined(scope) || char.IsDigit(part[0])) return null;
            highest = highest is { } h && h > scope ? h : scope;
        }

        return highest;
    }
}
