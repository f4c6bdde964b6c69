using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Api;

/// <summary>The only place that writes RFC 9457 problem details, those of the framework's own validation included.</summary>
internal sealed class ProblemWriter : IProblemDetailsService
{
    public async ValueTask WriteAsync(ProblemDetailsContext context) => await TryWriteAsync(context);

    public async ValueTask<bool> TryWriteAsync(ProblemDetailsContext context)
    {
        var http = context.HttpContext;
        if (context.ProblemDetails is HttpValidationProblemDetails validation)
        {
            FieldError[] errors = [.. validation.Errors.SelectMany(e => e.Value.Select(detail => new FieldError(JsonPointer.FromMemberPath(e.Key), detail)))];
            await WriteAsync(http, ProblemException.Invalid(errors));
        }
        else
        {
            var kind = ProblemKind.Of(context.ProblemDetails.Status ?? http.Response.StatusCode);
            await WriteAsync(http, new ProblemException(kind, context.ProblemDetails.Detail ?? kind.Title));
        }

        return true;
    }

    internal static async Task WriteAsync(HttpContext http, ProblemException problem)
    {
        var details = new ProblemDetails
        {
            Type = problem.Kind.Type,
            Title = problem.Kind.Title,
            Status = problem.Kind.Status,
            Detail = problem.Message,
        };
        if (problem.Errors is { Count: > 0 }) details.Extensions["errors"] = problem.Errors;
        if (problem.Kind.Status >= 500) details.Extensions["trace_id"] = TraceId(http);
        if (problem.Kind.Status == 503) http.Response.Headers.RetryAfter = "5";
        if (problem.RetryAfterSeconds is { } seconds) http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (problem.Kind.Status == 401) http.Response.Headers.WWWAuthenticate = "Bearer";
        http.Response.StatusCode = problem.Kind.Status;
        await http.Response.WriteAsJsonAsync(details, (JsonSerializerOptions?)null, "application/problem+json", CancellationToken.None);
    }

    internal static string TraceId(HttpContext http) => Activity.Current?.TraceId.ToString() ?? http.TraceIdentifier;
}
