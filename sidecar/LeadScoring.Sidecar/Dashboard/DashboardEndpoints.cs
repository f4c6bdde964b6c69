using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Mvc.ApplicationModels;
using Microsoft.Extensions.FileProviders;

namespace LeadScoring.Sidecar.Dashboard;

internal static class DashboardEndpoints
{
    internal const string Root = "/dashboard";

    /// <summary>Beside the pages, not below them: it is open, and the page for what is missing answers for all below.</summary>
    internal const string Assets = "/dashboard-assets";

    private static readonly string Files = Path.Combine(AppContext.BaseDirectory, "wwwroot");

    /// <summary>Changes with the files, so that browsers may keep them for good.</summary>
    internal static string AssetVersion { get; } = Version();

    /// <summary>Whether the build found npm.</summary>
    internal static bool HasLibrary { get; } = File.Exists(Path.Combine(Files, "lib", "echarts.common.min.js")) && File.Exists(Path.Combine(Files, "lib", "htmx.min.js"));

    internal static IServiceCollection AddDashboard(this IServiceCollection services)
    {
        services.AddSingleton<IDataProtectionProvider>(provider => new SealedData(provider.GetRequiredService<Storage.SecretBox>()));
        services.AddMvcCore(mvc => mvc.Filters.Add<ProblemFilter>()).AddAuthorization().AddRazorPages(pages => pages.RootDirectory = "/Dashboard/Pages").AddCookieTempDataProvider(cookie =>
        {
            cookie.Cookie.Name = "leadscoring_message";
            cookie.Cookie.Path = Root;
        });
        services.AddAntiforgery(tokens =>
        {
            tokens.Cookie.Name = "leadscoring_form";
            tokens.Cookie.Path = Root;
            // The policy of DashboardMiddleware forbids frames.
            tokens.SuppressXFrameOptionsHeader = true;
        });
        // Keys of the framework's own would lie in the user's home; ours is beside the database.
        foreach (var own in services.Where(s => s.ImplementationType?.Name == "DataProtectionHostedService").ToArray()) services.Remove(own);
        services.AddSingleton<DashboardSession>();
        services.AddSingleton<OwnApi>();
        return services;
    }

    internal static void MapDashboard(this WebApplication app)
    {
        // The session is ours; the framework would put its own before every request of the API.
        var properties = ((IApplicationBuilder)app).Properties;
        properties["__AuthenticationMiddlewareSet"] = properties["__AuthorizationMiddlewareSet"] = true;
        if (Directory.Exists(Files))
        {
            app.UseStaticFiles(new StaticFileOptions
            {
                RequestPath = Assets,
                FileProvider = new PhysicalFileProvider(Files),
                OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "public, max-age=31536000, immutable",
            });
        }

        app.UseWhen(http => http.Request.Path.StartsWithSegments(Root), branch => branch.UseMiddleware<DashboardMiddleware>());
        app.MapRazorPages();
    }

    private static string Version()
    {
        if (!Directory.Exists(Files)) return "0";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(Files, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)) hash.AppendData(File.ReadAllBytes(file));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
    }
}
