using System.CommandLine;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Cli;

internal static class KeysCommand
{
    internal static Command Create(Terminal terminal) => new("keys", "Makes, lists, rotates and revokes API keys.")
    {
        CreateKey(terminal), ListKeys(terminal), RotateKey(terminal), RevokeKey(terminal),
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
        var expires = ExpiresInDays("After how many days it is refused. Default: it does not expire by itself.");
        var command = new Command("create", "Makes a key and shows it this once. Makes the organization when it is new.") { organization, name, scopes, expires };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var id = parsed.GetValue(organization)!;
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync(id, cancellationToken);
            var key = await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync(id, parsed.GetValue(name)!, Scope(parsed.GetValue(scopes))!.Value, cancellationToken, ExpiryMs(app, parsed.GetValue(expires)));
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
            terminal.Table(["key id", "name", "scope", "created", "last used", "expires", "revoked"], [.. keys.Select(k => (IReadOnlyList<string>)
                [k.KeyId, k.Name, k.Scope, Text(k.CreatedAtMs), Text(k.LastUsedAtMs), Text(k.ExpiresAtMs), Text(k.RevokedAtMs)])]);
            return 0;
        });
        return command;
    }

    private static Command RotateKey(Terminal terminal)
    {
        var keyId = new Argument<string>("KEY_ID") { Description = "Key id as shown by keys list: the part between lsk_ and the next underscore." };
        var organization = CommonOptions.Organization(required: true);
        var overlap = new Option<int>("--overlap-hours") { Description = "How long the secret before stays good.", DefaultValueFactory = _ => 24, HelpName = "HOURS" };
        overlap.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > Organizations.RotateKey.MaxOverlapHours) result.AddError($"--overlap-hours: 0 to {Organizations.RotateKey.MaxOverlapHours}.");
        });
        var expires = ExpiresInDays("A new end of the key, in days from now. Default: its end stays.");
        var command = new Command("rotate", "Gives a key another secret and shows it this once; the one before stays good for a while.") { keyId, organization, overlap, expires };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var rotated = await app.Services.GetRequiredService<ApiKeyStore>().RotateAsync(
                parsed.GetValue(organization)!, parsed.GetValue(keyId)!, TimeSpan.FromHours(parsed.GetValue(overlap)), ExpiryMs(app, parsed.GetValue(expires)), cancellationToken);
            if (rotated is { } made)
            {
                terminal.Line(made.Key.Reveal());
                return 0;
            }

            terminal.Error("The organization has no such key, or it was revoked or has expired before.");
            return CommandLine.Failed;
        });
        return command;
    }

    private static Option<int?> ExpiresInDays(string description)
    {
        var option = new Option<int?>("--expires-in-days") { Description = description, HelpName = "DAYS" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > Organizations.CreateKey.MostDays) result.AddError($"--expires-in-days: 1 to {Organizations.CreateKey.MostDays}.");
        });
        return option;
    }

    private static long? ExpiryMs(WebApplication app, int? days) => Organizations.CreateKey.ExpiryMs(days, null, app.Services.GetRequiredService<TimeProvider>());

    private static string Text(long? unixMs) => Moment.Of(unixMs) is { } moment ? MomentConverter.Text(moment) : "";

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
