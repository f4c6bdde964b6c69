namespace LeadScoring.Sidecar.Api;

/// <summary>One fault in a request.</summary>
/// <param name="Pointer">JSON pointer (RFC 6901) into the body; empty for the body as a whole, <c>?name</c> for a query parameter.</param>
/// <param name="Detail">What is wrong and what to send instead.</param>
public sealed record FieldError(string Pointer, string Detail);
