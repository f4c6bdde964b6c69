using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Dynamics;

/// <summary>Client credentials at Microsoft's token endpoint: an app registration that is an application user of the environment. There is no refresh token; a new token is asked for when the old one ends.</summary>
internal sealed class DynamicsTokens(string account, ConnectorSettings settings, Uri environment, TimeProvider time)
{
    private static readonly Uri Login = new("https://login.microsoftonline.com");

    internal async Task<StoredToken> RenewAsync(string refreshToken, CancellationToken cancellationToken)
    {
        var tenant = ConnectorSettings.Required(account, "Options__TenantId", settings.Options.GetValueOrDefault("TenantId"));
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials", ["client_id"] = ConnectorSettings.Required(account, "ClientId", settings.ClientId),
            ["client_secret"] = ConnectorSettings.Required(account, "ClientSecret", settings.ClientSecret), ["scope"] = environment.GetLeftPart(UriPartial.Authority) + "/.default",
        };
        var login = settings.Options.GetValueOrDefault("LoginUrl") is { Length: > 0 } other ? new Uri(other) : Login;
        // A budget of its own: when requests wait, the token that they wait for must not. No authorization: the form is it.
        using var http = new ConnectorHttp(new ConnectorHttpOptions(account, () => login, new StaticToken(""), new RequestBudget(account, 1, 5, null, 0, time), (_, _) => { }, settings.Timeout), time);
        try
        {
            var answer = await http.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Post, new Uri($"/{Uri.EscapeDataString(tenant)}/oauth2/v2.0/token", UriKind.Relative)) { Content = new FormUrlEncodedContent(form) }, DynamicsJson.Default.TokenAnswer, "get a token",
                RequestPriority.Foreground, cancellationToken);
            return new StoredToken(answer.AccessToken, time.GetUtcNow().AddSeconds(answer.ExpiresIn), refreshToken);
        }
        catch (ConnectorException e) when (e.Failure is ConnectorFailure.Rejected or ConnectorFailure.Unauthorized)
        {
            throw new ConnectorException(account, ConnectorFailure.Unauthorized, "get a token: refused", e) { Status = e.Status };
        }
    }
}
