namespace LeadScoring.Sidecar.Api;

/// <summary>The request cannot be served for a reason the caller can act on; mapped to problem details in <see cref="ProblemMiddleware"/>.</summary>
internal sealed class ProblemException(ProblemKind kind, string detail, IReadOnlyList<FieldError>? errors = null) : Exception(detail)
{
    internal ProblemKind Kind { get; } = kind;

    internal IReadOnlyList<FieldError>? Errors { get; } = errors;

    /// <summary>When to come again, for 429; null: not said.</summary>
    internal int? RetryAfterSeconds { get; init; }

    internal static ProblemException Invalid(string pointer, string detail) => Invalid([new FieldError(pointer, detail)]);

    internal static ProblemException Invalid(IReadOnlyList<FieldError> errors) =>
        new(ProblemKind.Validation, errors.Count == 1 ? errors[0].Detail : $"{errors.Count} faults; see errors.", errors);
}
