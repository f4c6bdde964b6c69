using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;

namespace LeadScoring.Sidecar.Organizations;

internal static class OrganizationEndpoints
{
    internal static IServiceCollection AddOrganizations(this IServiceCollection services)
    {
        services.AddSingleton<ProfileStore>();
        services.AddSingleton<OrganizationStore>();
        services.AddSingleton<ListOrganizations>(provider => provider.GetRequiredService<OrganizationStore>().ListAsync);
        services.AddSingleton<GradePolicyStore>();
        services.AddSingleton<SamplingPolicyStore>();
        services.AddSingleton<KeyUse>();
        services.AddHostedService(provider => provider.GetRequiredService<KeyUse>());
        services.AddSingleton<ApiKeyStore>();
        services.AddSingleton<VerifyApiKey>(provider => provider.GetRequiredService<ApiKeyStore>().VerifyAsync);
        return services;
    }

    internal static void MapOrganizations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").WithTags("Organization").RequireScope(ApiScope.Admin);
        group.MapGet("/keys", ListKeys.HandleAsync).WithName("ListKeys").WithSummary("Lists the organization's API keys, without their secrets.");
        group.MapPost("/keys", CreateKey.HandleAsync).WithMetadata(new WriteOnce(AnswerIsSecret: true)).WithName("CreateKey").WithSummary("Makes an API key; the secret is shown this once.");
        group.MapPost("/keys/{keyId}/rotate", RotateKey.HandleAsync).WithMetadata(new WriteOnce(AnswerIsSecret: true)).WithName("RotateKey").WithSummary("Gives an API key another secret, shown this once; the one before stays good for a while.");
        group.MapDelete("/keys/{keyId}", RevokeKey.HandleAsync).WithName("RevokeKey").WithSummary("Revokes an API key.");
        group.MapGet("/profile", GetProfile.HandleAsync).WithName("GetProfile").WithSummary("Reads the active feature profile.");
        routes.MapGet("/sampling", Sampling.GetAsync).RequireScope(ApiScope.Score).WithTags("Organization")
            .WithName("GetSampling").WithSummary("Shares of new leads that are drawn whatever their score, and whether trainings correct for leads that nobody worked.");
        group.MapPut("/sampling", Sampling.PutAsync).Accepts<SamplingPolicy>("application/json")
            .WithName("PutSampling").WithSummary("Sets these shares; what is not said has its default. Leads that were scored before stay what they are.");
        group.MapPut("/profile", PutProfile.HandleAsync).Accepts<PutProfile.Request>("application/json")
            .WithName("PutProfile").WithSummary("Makes a new feature profile the active one. With Content-Type application/yaml the body is the profile itself.");
        group.MapPut("/profile", PutProfile.HandleYamlAsync).Accepts<string>("application/yaml", "text/yaml").WithMetadata(new RouteBodyLimit(PutProfile.MaxBytes)).ExcludeFromDescription()
            .WithName("PutProfileYaml").WithSummary("Makes a new feature profile, sent as YAML, the active one.");
    }
}
