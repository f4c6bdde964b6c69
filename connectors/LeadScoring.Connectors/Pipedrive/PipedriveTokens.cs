using System.Net.Http.Headers;
using System.Text;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>The refresh grant of Pipedrive's token endpoint; the answer assigns the address of the company.</summary>
internal sealed class PipedriveTokens(string account, ConnectorSettings settings, Uri server, TimeProvider time)
{
    internal async Task<StoredToken> RefreshAsync(string refreshToken, CancellationToken cancellationToken)
    {
        var app = $"{ConnectorSettings.Required(account, "ClientId", settings.ClientId)}:{ConnectorSettings.Required(account, "ClientSecret", settings.ClientSecret)}";
        var form = new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = refreshToken };
        // A budget of its own: when requests wait, the token that they wait for must not.
        using var http = new ConnectorHttp(
            new ConnectorHttpOptions(
                account, () => server, new StaticToken(Convert.ToBase64String(Encoding.UTF8.GetBytes(app))), new RequestBudget(account, 1, 5, null, 0, time),
                (request, token) => request.Headers.Authorization = new AuthenticationHeaderValue("Basic", token), settings.Timeout) { CodeOf = PipedriveClient.CodeOf },
            time);
        TokenAnswer answer;
        try
        {
            answer = await http.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Post, new Uri("/oauth/token", UriKind.Relative)) { Content = new FormUrlEncodedContent(form) }, PipedriveJson.Default.TokenAnswer, "renew the token", RequestPriority.Foreground,
                cancellationToken);
        }
        catch (ConnectorException e) when (e.Failure == ConnectorFailure.Rejected)
        {
            throw new ConnectorException(account, ConnectorFailure.Unauthorized, "renew the token: refused", e) { Status = e.Status };
        }

        // The address that everything else is sent to, with the token: never in the clear, unless the server of tokens is on this machine, too.
        var domain = Uri.TryCreate(answer.ApiDomain, UriKind.Absolute, out var given) && (given.Scheme == Uri.UriSchemeHttps || (server.IsLoopback && given.IsLoopback)) ? given : null;
        return new StoredToken(answer.AccessToken, time.GetUtcNow().AddSeconds(answer.ExpiresIn), answer.RefreshToken ?? refreshToken, domain);
    }
}
