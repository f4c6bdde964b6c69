using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Text;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Feedback;

/// <summary>A score that a person looks at.</summary>
/// <param name="IsRandom">Drawn at random.</param>
/// <param name="IsLowConfidence">Of low confidence.</param>
/// <param name="SelectionProbability">Of the random draw: a figure over the random ones alone holds for all scores.</param>
/// <param name="Verdict">agree, too_high or too_low; absent while it is open.</param>
public sealed record Review(
    string ReviewId, string LeadId, double Score, string Grade, double ConversionProbability, double Confidence, int? ModelVersion, DateTimeOffset ScoredAt, bool IsRandom, bool IsLowConfidence,
    double SelectionProbability, DateTimeOffset SelectedAt, string? Verdict, string? Comment, string? By, DateTimeOffset? ReviewedAt)
{
    internal static Review Of(StoredReview r) => new(
        r.ReviewId, r.LeadId, r.Score, r.Grade, Math.Round(r.Probability, 6), Math.Round(r.Confidence, 4), r.ModelVersion, Moment.Of(r.ScoredAtMs), r.IsRandom, r.IsLowConfidence, r.SelectionProbability,
        Moment.Of(r.SelectedAtMs), r.Verdict, r.Comment, r.ReviewedBy, Moment.Of(r.ReviewedAtMs));
}

internal static class ListReviews
{
    private const int MaxLimit = 200;

    /// <param name="NextCursor">Hand it back as cursor for the next page; absent on the last one.</param>
    public sealed record Response(IReadOnlyList<Review> Reviews, string? NextCursor);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, ReviewStore store, CancellationToken cancellationToken,
        [Description("open (default) or done.")] string status = "open",
        [Description("1 to 200; default 50.")] int limit = 50,
        [Description("next_cursor of the page before; same status.")] string? cursor = null)
    {
        if (status is not ("open" or "done")) throw ProblemException.Invalid("?status", "status is open or done.");
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit}.");
        var rows = await store.ListAsync(caller.OrganizationId, status == "open", ReadCursor(cursor), limit + 1, cancellationToken);
        var last = rows.Count > limit ? rows[limit - 1] : null;
        return TypedResults.Ok(new Response([.. rows.Take(limit).Select(Review.Of)], last is null ? null
            : Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{last.SelectedAtMs} {last.ReviewId}")))));
    }

    private static (long AtMs, string Id)? ReadCursor(string? cursor)
    {
        if (cursor is null) return null;
        if (cursor.Length < 500 && Base64Url.IsValid(cursor))
        {
            var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split(' ');
            if (parts.Length == 2 && long.TryParse(parts[0], CultureInfo.InvariantCulture, out var atMs)) return (atMs, parts[1]);
        }

        throw ProblemException.Invalid("?cursor", "The cursor is not one of this list. Start again without it.");
    }
}
