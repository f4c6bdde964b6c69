namespace LeadScoring.Sidecar.Api;

/// <summary>A family of errors. <see cref="Type"/> is part of the API: workflows branch on it, so a slug is never renamed.</summary>
internal sealed record ProblemKind(string Slug, int Status, string Title)
{
    internal string Type => "/problems/" + Slug;

    internal static readonly ProblemKind MalformedJson = new("malformed-json", 400, "The body is not valid JSON");
    internal static readonly ProblemKind Validation = new("validation", 400, "The request is not valid");
    internal static readonly ProblemKind Unauthorized = new("unauthorized", 401, "A valid API key is needed");
    internal static readonly ProblemKind Forbidden = new("forbidden", 403, "The API key does not allow this");
    internal static readonly ProblemKind OrganizationMismatch = new("organization-mismatch", 403, "The API key belongs to another organization");
    internal static readonly ProblemKind NotFound = new("not-found", 404, "There is no such thing");
    internal static readonly ProblemKind UnknownRoute = new("unknown-route", 404, "There is no such address");
    internal static readonly ProblemKind MethodNotAllowed = new("method-not-allowed", 405, "This address does not take this method");
    internal static readonly ProblemKind Conflict = new("conflict", 409, "Something else is in the way");
    internal static readonly ProblemKind IdempotencyReused = new("idempotency-key-reused", 409, "The Idempotency-Key belongs to another request");
    internal static readonly ProblemKind IdempotencyRunning = new("idempotency-request-running", 409, "The first request with this Idempotency-Key is still running");
    internal static readonly ProblemKind IdempotencyAnswerLost = new("idempotency-answer-lost", 409, "The request was done, but its answer cannot be repeated");
    internal static readonly ProblemKind TooLarge = new("body-too-large", 413, "The body is too large");
    internal static readonly ProblemKind UnsupportedMediaType = new("unsupported-media-type", 415, "The content type is not supported");
    internal static readonly ProblemKind TooMuch = new("too-much-at-once", 429, "More comes in than can be taken at the moment");
    internal static readonly ProblemKind StorageUnavailable = new("storage-unavailable", 503, "The database does not answer");
    internal static readonly ProblemKind TookTooLong = new("took-too-long", 504, "It took too long");
    internal static readonly ProblemKind Internal = new("internal", 500, "Something went wrong here");

    /// <summary>For answers that the framework makes by status alone.</summary>
    internal static ProblemKind Of(int status) => status switch
    {
        401 => Unauthorized,
        403 => Forbidden,
        404 => UnknownRoute,
        405 => MethodNotAllowed,
        413 => TooLarge,
        415 => UnsupportedMediaType,
        429 => TooMuch,
        503 => StorageUnavailable,
        504 => TookTooLong,
        >= 500 => Internal,
        _ => Validation with { Status = status },
    };
}
