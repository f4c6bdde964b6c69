using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Privacy;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Cli;

internal static class PrivacyCommand
{
    internal static Command Create(Terminal terminal) => new("privacy", "Erases a person, checks receipts of erasures, cleans the space of deleted rows.")
    {
        Erase(terminal), VerifyReceipt(terminal), Scrub(terminal),
    };

    private static Command Erase(Terminal terminal)
    {
        var lead = new Argument<string>("LEAD") { Description = "Id of the lead." };
        var organization = CommonOptions.ExistingOrganization();
        var keep = new Option<string?>("--keep") { Description = "anonymous: what learning and business figures need stays, without the person. Default: nothing stays.", HelpName = "WHAT" };
        keep.AcceptOnlyFromAmong(DeleteLead.Anonymous);
        var command = new Command("erase", "Erases a person for good, beside a running service, and prints the signed receipt.") { lead, organization, keep };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var organizationId = await CommonOptions.ResolveAsync(parsed, organization, app.Services, cancellationToken);
            if (!(await app.Services.GetRequiredService<OrganizationStore>().ListAsync(cancellationToken)).Contains(organizationId)) throw new ArgumentException($"There is no organization {organizationId}.");
            var done = await app.Services.GetRequiredService<ErasePerson>().RunAsync(organizationId, parsed.GetValue(lead)!, "command line", [], parsed.GetValue(keep) is not null, cancellationToken)
                ?? throw new ArgumentException($"Organization {organizationId} has no lead with this id.");
            terminal.Line(JsonSerializer.Serialize(done.Signed, SignedReceipt.Json));
            if (!done.Files) terminal.Error("Somebody reads from before the erasure, or the database is large: its files are clean when job scrub has run, or the command privacy scrub.");
            if (!done.SharedCache) terminal.Error("Redis did not answer: copies of scores that it may have end by themselves, within an hour unless the settings say otherwise.");
            return 0;
        });
        return command;
    }

    private static Command VerifyReceipt(Terminal terminal)
    {
        var file = new Argument<FileInfo>("FILE") { Description = "The receipt: the answer to the erasure, or of GET /v1/erasures/{erasure_id}." };
        var key = new Option<string?>("--public-key") { Description = "Public key in base64 that must have signed it. Default: those of the database.", HelpName = "KEY" };
        var lead = new Option<string?>("--lead") { Description = "Also check that the receipt is of this lead; needs the database.", HelpName = "ID" };
        var command = new Command("verify-receipt", "Checks that a receipt was signed here and was not changed.") { file, key, lead };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var signed = await ReadAsync(parsed.GetValue(file)!, cancellationToken);
            IReadOnlyList<byte[]> keys;
            if (parsed.GetValue(key) is { } given && parsed.GetValue(lead) is null) keys = [ReadKey(given)];
            else
            {
                await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
                keys = parsed.GetValue(key) is { } other ? [ReadKey(other)] : await app.Services.GetRequiredService<ErasureStore>().PublicKeysAsync(cancellationToken);
                if (parsed.GetValue(lead) is { } leadId && !await IsOfAsync(signed, leadId, app.Services, cancellationToken)) return Refuse("The receipt is of somebody else.");
            }

            if (!keys.Any(signed.IsSignedBy)) return Refuse("The receipt was changed, or was not signed here.");
            var receipt = signed.Content;
            terminal.Line(string.Create(
                CultureInfo.InvariantCulture, $"Good: {receipt.Kind} {receipt.ErasureId} of organization {receipt.OrganizationId}, {receipt.ErasedAt:u}, {receipt.Stores.Sum(s => s.Rows):N0} rows of {receipt.Stores.Count} stores."));
            return 0;

            int Refuse(string why)
            {
                terminal.Error(why);
                return CommandLine.Failed;
            }
        });
        return command;
    }

    private static Command Scrub(Terminal terminal)
    {
        var command = new Command("scrub", "Cleans the space of deleted rows in the database's files now, as job scrub does in the night.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var (store, time) = (app.Services.GetRequiredService<ErasureStore>(), app.Services.GetRequiredService<TimeProvider>());
            var throughMs = time.NowMs();
            if (!await app.Services.GetRequiredService<Database>().ScrubAsync(null, cancellationToken))
            {
                terminal.Error("Somebody reads from the database just now. Run the command again later.");
                return CommandLine.Failed;
            }

            await store.ScrubbedAsync(throughMs, time.NowMs(), cancellationToken);
            terminal.Line("The space of deleted rows was cleaned.");
            return 0;
        });
        return command;
    }

    private static async Task<SignedReceipt> ReadAsync(FileInfo file, CancellationToken cancellationToken)
    {
        try
        {
            return SignedReceipt.Read(await File.ReadAllTextAsync(file.FullName, cancellationToken));
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"{file.Name} is no receipt: {e.Message}");
        }
    }

    private static byte[] ReadKey(string base64)
    {
        try
        {
            return Convert.FromBase64String(base64);
        }
        catch (FormatException)
        {
            throw new ArgumentException("--public-key is not base64.");
        }
    }

    private static async Task<bool> IsOfAsync(SignedReceipt signed, string leadId, IServiceProvider services, CancellationToken cancellationToken)
    {
        var receipt = signed.Content;
        return await services.GetRequiredService<PrivacyKeyStore>().FindAsync(receipt.OrganizationId, cancellationToken) is { } keys
            && Convert.ToHexStringLower(Tombstones.HashOf(keys, Trace.Lead(leadId))) == receipt.Subject;
    }
}
