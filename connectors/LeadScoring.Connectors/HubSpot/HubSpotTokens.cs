using System.Net.Http.Headers;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>The refresh grant of HubSpot's token endpoint.</summary>
internal sealed class HubSpotTokens(string account, ConnectorSettings settings, Uri baseUrl, TimeProvider time)
{
    internal async Task<StoredToken> RefreshAsync(string refreshToken, CancellationToken cancellationToken)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token", ["refresh_token"] = refreshToken,
            ["client_id"] = ConnectorSettings.Required(account, "ClientId", settings.ClientId), ["client_secret"] = ConnectorSettings.Required(account, "ClientSecret", settings.ClientSecret),
        };
        // A budget of its own: when requests wait, the token that they wait for must not. No authorization: the form is it.
        using var http = new ConnectorHttp(
            new ConnectorHttpOptions(account, () => baseUrl, new StaticToken(""), new RequestBudget(account, 1, 5, null, 0, time), (_, _) => { }, settings.Timeout) { CodeOf = HubSpotClient.CodeOf }, time);
        TokenAnswer answer;
        try
        {
            answer = await http.SendAsync(() => Request(form), HubSpotTokenJson.Default.TokenAnswer, "renew the token", RequestPriority.Foreground, cancellationToken);
        }
        catch (ConnectorException e) when (e.Failure == ConnectorFailure.Rejected)
        {
            // 400: the refresh token is not good any more.
            throw new ConnectorException(account, ConnectorFailure.Unauthorized, "renew the token: refused", e) { Status = e.Status };
        }

        return new StoredToken(answer.AccessToken, time.GetUtcNow().AddSeconds(answer.ExpiresIn), answer.RefreshToken ?? refreshToken);
    }

    private static HttpRequestMessage Request(Dictionary<string, string> form)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/oauth/{HubSpotClient.Version}/token", UriKind.Relative)) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return request;
    }
}
