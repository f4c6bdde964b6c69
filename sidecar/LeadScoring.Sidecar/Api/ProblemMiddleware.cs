using System.Data.Common;
using System.Text.Json;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Api;

/// <summary>Turns every failure into problem details: exceptions, and the bare statuses that routing answers with.</summary>
internal sealed class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        SecurityHeaders.Set(http);
        try
        {
            await next(http);
            if (http.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null })
                await ProblemWriter.WriteAsync(http, Bare(http));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Response.StatusCode = 499;
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            var problem = Map(e, http);
            if (problem.Kind.Status == 500) ApiLog.Unexpected(logger, ProblemWriter.TraceId(http), Describe(e));
            else if (problem.Kind.Status == 503) ApiLog.Storage(logger, ProblemWriter.TraceId(http), Describe(e));
            http.Response.Clear();
            SecurityHeaders.Set(http);
            await ProblemWriter.WriteAsync(http, problem);
        }
    }

    private static ProblemException Map(Exception e, HttpContext http) => e switch
    {
        ProblemException problem => problem,
        BadHttpRequestException bad => MapBadRequest(bad),
        JsonException json => MapJson(json),
        // What the framework's own reading of a body throws; JsonBody words it itself.
        InvalidOperationException when !JsonBody.IsKnownCharset(http.Request.ContentType) => JsonBody.UnknownCharset(),
        // A name or text that is no Unicode is found when it is read; the JSON library marks that it is the JSON's fault.
        InvalidOperationException { Source: "System.Text.Json.Rethrowable" } =>
            new(ProblemKind.MalformedJson, "A name or text in the JSON is not valid Unicode: half a surrogate pair, or bytes that are not UTF-8.", [new FieldError("", "Not valid Unicode.")]),
        // Routing's own type is not public: two routes differ by what they take, and the request does not say what it brings.
        _ when e.GetType().Name == "AmbiguousMatchException" => new(ProblemKind.UnsupportedMediaType, "Send the header Content-Type that /openapi/v1.json names for this route, usually application/json."),
        DbException db when StorageFaults.IsDamage(db) => new(ProblemKind.StorageUnavailable, "The database is damaged, and nothing was stored. Whoever runs this service must restore its last backup."),
        DbException db when StorageFaults.Of(db) == StorageFault.Unavailable => new(ProblemKind.StorageUnavailable, "Nothing was stored. Send the request again in a few seconds."),
        DbException db when StorageFaults.Of(db) == StorageFault.BadText => ProblemException.Invalid("", "A text in the request has the character U+0000, which no text is stored with. Leave it out."),
        _ => new(ProblemKind.Internal, $"Nothing is wrong with the request. Report trace {ProblemWriter.TraceId(http)}; the log says more."),
    };

    private static ProblemException MapBadRequest(BadHttpRequestException e) => e switch
    {
        { InnerException: JsonException json } => MapJson(json),
        { StatusCode: 413 } => BodyLimit.TooLarge(null),
        { StatusCode: 415 } => new(ProblemKind.UnsupportedMediaType, "Send the header Content-Type: application/json."),
        { StatusCode: 400 } when Parameter(e.Message) is var (name, detail) => ProblemException.Invalid("?" + name, detail),
        { StatusCode: 400 } => ProblemException.Invalid("", e.Message.Contains("body", StringComparison.OrdinalIgnoreCase) ? JsonBody.Empty().Message : e.Message),
        _ => new(ProblemKind.Of(e.StatusCode), e.Message),
    };

    /// <summary>The framework says: Failed to bind parameter "int limit" from "x"; Required parameter "string grade" was not provided. Callers know no types of C#.</summary>
    private static (string Name, string Detail)? Parameter(string message)
    {
        if (!message.Contains("parameter \"", StringComparison.Ordinal) || message.Split('"') is not [_, var declared, ..] || declared.Split(' ') is not [var type, var name]) return null;
        if (message.StartsWith("Required", StringComparison.Ordinal)) return (name, $"{name} is required.");
        return (name, type switch
        {
            _ when type.Contains("bool", StringComparison.Ordinal) => $"{name} must be true or false.",
            _ when type.Contains("int", StringComparison.Ordinal) || type.Contains("long", StringComparison.Ordinal) => $"{name} must be a whole number, such as 50.",
            _ when type.Contains("double", StringComparison.Ordinal) => $"{name} must be a number.",
            _ => $"{name} has a value that cannot be read.",
        });
    }

    private static ProblemException MapJson(JsonException e)
    {
        var pointer = JsonPointer.FromJsonPath(e.Path);
        // The reader's own exception (broken syntax) comes as the inner one; without it the syntax is right and the type is not.
        if (e.InnerException is not JsonException && e.GetType() == typeof(JsonException) && e.Path is not null)
            return ProblemException.Invalid(pointer, "The value is not of the expected type.");
        var where = e.LineNumber is { } line ? $" at line {line + 1}, byte {e.BytePositionInLine + 1}" : "";
        return new(ProblemKind.MalformedJson, $"The JSON is broken{where}. NaN and Infinity are not JSON: send null or leave the member out.", [new FieldError(pointer, $"Broken{where}.")]);
    }

    private static ProblemException Bare(HttpContext http) => new(ProblemKind.Of(http.Response.StatusCode), http.Response.StatusCode switch
    {
        404 => "No route matches. /openapi/v1.json lists all of them.",
        405 => $"Use {http.Response.Headers.Allow}.",
        415 => "Send the header Content-Type that /openapi/v1.json names for this route, usually application/json.",
        _ => "See /openapi/v1.json for what this route takes.",
    });

    // Types and stack only: messages of parsers and converters quote their input, and that may be a person's data.
    private static string Describe(Exception e) =>
        string.Join(" <- ", Chain(e).Select(x => x is DbException ? $"{x.GetType().Name} ({x.Message})" : x.GetType().Name)) + Environment.NewLine + e.StackTrace;

    private static IEnumerable<Exception> Chain(Exception? e)
    {
        for (; e is not null; e = e.InnerException) yield return e;
    }
}
