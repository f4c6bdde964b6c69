using System.CommandLine;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Cli;

/// <summary>Options that several commands share, and the services they open.</summary>
internal static class CommonOptions
{
    internal static readonly Option<string?> Data = new("--data")
    {
        Description = "Folder for the database and temporary files. Default: LEADSCORING__DATA, else ./data.", Recursive = true, HelpName = "FOLDER",
    };

    internal static readonly Option<string?> Database = new("--database")
    {
        Description = "Database file, or PostgreSQL as postgres://user@host/database; a password belongs into LEADSCORING__DATABASE. Default: that, else leadscoring.db in the data folder.", Recursive = true, HelpName = "DATABASE",
    };

    /// <summary>A new instance per command: an option belongs to one parent.</summary>
    internal static Option<string> Organization(bool required = false) => new("--organization", "-o")
    {
        Description = "Organization that the data belongs to." + (required ? "" : " Default: default."),
        Required = required,
        DefaultValueFactory = required ? null : _ => "default",
        HelpName = "ID",
    };

    /// <summary>For commands that bring no data in: without it the only organization there is.</summary>
    internal static Option<string?> ExistingOrganization() => new("--organization", "-o")
    {
        Description = "Organization. Default: the only one there is, else default.", HelpName = "ID",
    };

    internal static async Task<string> ResolveAsync(ParseResult parsed, Option<string?> organization, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(organization) is { } given) return given;
        var all = await services.GetRequiredService<OrganizationStore>().ListAsync(cancellationToken);
        return all.Count == 1 ? all[0] : "default";
    }

    internal static WebApplicationBuilder CreateBuilder(ParseResult parsed)
    {
        var settings = new Dictionary<string, string?>();
        if (parsed.GetValue(Data) is { } data) settings["LeadScoring:Data"] = data;
        if (parsed.GetValue(Database) is { } database) settings["LeadScoring:Database"] = database;
        return SidecarApp.CreateBuilder(settings);
    }

    /// <summary>The services of the server, without the server; the schema is up to date. Dispose it.</summary>
    internal static async Task<WebApplication> OpenAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var app = CreateBuilder(parsed).Build();
        try
        {
            await app.PrepareDatabaseAsync(cancellationToken);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }
}
