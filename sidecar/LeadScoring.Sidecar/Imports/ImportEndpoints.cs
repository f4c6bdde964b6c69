using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Imports;

internal static class ImportEndpoints
{
    internal static IServiceCollection AddImports(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ImportOptions>().Bind(configuration.GetSection(ImportOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ImportProgressStore>();
        services.AddSingleton<CsvImport>();
        return services;
    }

    internal static void MapImports(this IEndpointRouteBuilder routes)
    {
        var options = routes.ServiceProvider.GetRequiredService<IOptions<ImportOptions>>().Value;
        routes.MapPost("/imports", PostImport.HandleAsync)
            .WithMetadata(new RequestSizeLimitAttribute(options.MaxFileBytes))
            .RequireScope(ApiScope.Write).WithTags("Leads").WithMetadata(new Unhurried()).WithName("PostImport")
            .WithSummary("Imports a CSV file. Interrupted, the same request goes on where it was.")
            .WithDescription("The body is the file itself, Content-Type text/csv. Encoding and delimiter are found by themselves.");
        routes.MapGet("/imports", ListImports.HandleAsync).RequireScope(ApiScope.Write).WithTags("Leads").WithName("ListImports")
            .WithSummary("Imports, the one that moved last first: how far each is, and which rows were bad.");
    }
}
