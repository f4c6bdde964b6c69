using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Api;

/// <summary>Refuses a declared length over the limit before anything is read, and lets the server cut off bodies of undeclared length.</summary>
internal sealed class BodyLimit(RequestDelegate next, IOptions<ApiOptions> options)
{
    public Task InvokeAsync(HttpContext http)
    {
        var limit = http.GetEndpoint()?.Metadata.GetMetadata<IRequestSizeLimitMetadata>()?.MaxRequestBodySize ?? options.Value.MaxBodyBytes;
        if (http.Request.ContentLength > limit) throw TooLarge(limit);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature) feature.MaxRequestBodySize = limit;
        return next(http);
    }

    internal static ProblemException TooLarge(long? limit) =>
        new(ProblemKind.TooLarge, $"The limit is {(limit is { } bytes ? $"{bytes:N0} bytes" : "lower than this body")}. Send smaller batches, or use POST /v1/imports for a file.");
}
