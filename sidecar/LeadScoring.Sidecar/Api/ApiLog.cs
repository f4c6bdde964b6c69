namespace LeadScoring.Sidecar.Api;

internal static partial class ApiLog
{
    [LoggerMessage(1, LogLevel.Error, "Unexpected failure, trace {TraceId}: {Failure}")]
    internal static partial void Unexpected(ILogger logger, string traceId, string failure);

    [LoggerMessage(2, LogLevel.Warning, "Database unavailable, trace {TraceId}: {Failure}")]
    internal static partial void Storage(ILogger logger, string traceId, string failure);

    [LoggerMessage(3, LogLevel.Warning, "An Idempotency-Key could not be written: {Failure}")]
    internal static partial void Idempotency(ILogger logger, string failure);
}
