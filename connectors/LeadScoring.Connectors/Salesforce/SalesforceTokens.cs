using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>The token endpoint: the refresh grant, or client credentials where there is no refresh token.</summary>
internal sealed class SalesforceTokens(string account, ConnectorSettings settings, Uri login, TimeProvider time)
{
    // The answer does not say how long the token lives: that is a setting of the organization, 2 hours unless changed. A shorter one shows by a 401, which renews it, too.
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    internal async Task<StoredToken> RenewAsync(string refreshToken, CancellationToken cancellationToken)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = refreshToken.Length > 0 ? "refresh_token" : "client_credentials", ["client_id"] = ConnectorSettings.Required(account, "ClientId", settings.ClientId) };
        if (refreshToken.Length > 0) form["refresh_token"] = refreshToken;
        if (!string.IsNullOrWhiteSpace(settings.ClientSecret)) form["client_secret"] = settings.ClientSecret;
        // A budget of its own: when requests wait, the token that they wait for must not. No authorization: the form is it.
        using var http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => login, new StaticToken(""), new RequestBudget(account, 1, 5, null, 0, time), (_, _) => { }, settings.Timeout) { CodeOf = CodeOf }, time);
        TokenAnswer answer;
        try
        {
            answer = await http.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Post, new Uri("/services/oauth2/token", UriKind.Relative)) { Content = new FormUrlEncodedContent(form) }, SalesforceTokenJson.Default.TokenAnswer, "renew the token",
                RequestPriority.Foreground, cancellationToken);
        }
        catch (ConnectorException e) when (e.Failure == ConnectorFailure.Rejected)
        {
            throw new ConnectorException(account, ConnectorFailure.Unauthorized, "renew the token: refused", e) { Status = e.Status };
        }

        // The address that everything else is sent to, with the token: never in the clear, unless the login is on this machine, too.
        if (!Uri.TryCreate(answer.InstanceUrl, UriKind.Absolute, out var instance) || (instance.Scheme != Uri.UriSchemeHttps && !(login.IsLoopback && instance.IsLoopback)))
            throw new ConnectorException(account, ConnectorFailure.Unavailable, "renew the token: the instance address cannot be used");
        return new StoredToken(answer.AccessToken, time.GetUtcNow() + Life, answer.RefreshToken ?? refreshToken, instance);
    }

    private static string? CodeOf(byte[] body)
    {
        try
        {
            var code = JsonSerializer.Deserialize(body, SalesforceTokenJson.Default.TokenError)?.Error;
            return code is { Length: > 0 and <= 60 } && code.All(c => char.IsAsciiLetterLower(c) || c == '_') ? code : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
