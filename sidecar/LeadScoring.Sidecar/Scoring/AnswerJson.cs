using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Writes answers as the serializer would, member by member, at a fraction of its cost. A test holds the two against each other.</summary>
internal static class AnswerJson
{
    private static readonly JsonEncodedText[] ScoredByNames = Names<ScoredBy>();
    private static readonly JsonEncodedText[] StageNames = Names<RestsOnStage>();
    private static readonly JsonEncodedText[] CalibrationNames = Names<ScoreCalibration>();

    /// <summary>The result of one item of a batch.</summary>
    internal static void Write(Utf8JsonWriter json, PostScoreBatch.Item item)
    {
        json.WriteStartObject();
        json.WriteNumber("index"u8, item.Index);
        if (item.LeadId is not null) json.WriteString("lead_id"u8, item.LeadId);
        if (item.Result is { } answer)
        {
            json.WritePropertyName("result"u8);
            Write(json, answer);
        }

        if (item.Errors is { } errors)
        {
            json.WriteStartArray("errors"u8);
            foreach (var error in errors)
            {
                json.WriteStartObject();
                json.WriteString("pointer"u8, error.Pointer);
                json.WriteString("detail"u8, error.Detail);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    internal static void Write(Utf8JsonWriter json, ScoreAnswer a)
    {
        json.WriteStartObject();
        json.WriteString("lead_id"u8, a.LeadId);
        json.WriteNumber("score"u8, a.Score);
        json.WriteString("grade"u8, a.Grade);
        json.WriteNumber("conversion_probability"u8, a.ConversionProbability);
        json.WriteNumber("confidence"u8, a.Confidence);
        if (a.Factors is { } factors) Write(json, factors);
        Write(json, a.Recommendations);
        Write(json, "updated_at"u8, a.UpdatedAt);
        if (a.ModelVersion is { } version) json.WriteNumber("model_version"u8, version);
        else json.WriteNull("model_version"u8);
        json.WriteString("scored_by"u8, ScoredByNames[(int)a.ScoredBy]);
        json.WriteBoolean("needs_review"u8, a.NeedsReview);
        json.WriteBoolean("cached"u8, a.Cached);
        WriteGrounds(json, a);
        json.WriteEndObject();
    }

    private static void WriteGrounds(Utf8JsonWriter json, ScoreAnswer a)
    {
        json.WriteStartObject("rests_on"u8);
        json.WriteString("stage"u8, StageNames[(int)a.RestsOn.Stage]);
        json.WriteNumber("outcomes"u8, a.RestsOn.Outcomes);
        json.WriteNumber("converted"u8, a.RestsOn.Converted);
        json.WriteEndObject();
        if (a.Exclusion is { } exclusion)
        {
            json.WriteStartObject("exclusion"u8);
            json.WriteString("id"u8, exclusion.Id);
            json.WriteString("text"u8, exclusion.Text);
            json.WriteEndObject();
        }

        if (a.Saved is { } saved) json.WriteBoolean("saved"u8, saved);
        if (a.ConversionInterval is { } interval)
        {
            json.WriteStartObject("conversion_interval"u8);
            json.WriteNumber("low"u8, interval.Low);
            json.WriteNumber("high"u8, interval.High);
            json.WriteNumber("level"u8, interval.Level);
            json.WriteEndObject();
        }

        if (a.SubScores is { } parts)
        {
            json.WriteStartObject("sub_scores"u8);
            json.WriteNumber("base"u8, parts.Base);
            json.WriteNumber("fit"u8, parts.Fit);
            json.WriteNumber("engagement"u8, parts.Engagement);
            json.WriteNumber("intent"u8, parts.Intent);
            json.WriteEndObject();
        }

        if (a.ReviewReason is { } reason) json.WriteString("review_reason"u8, reason);
        if (a.Calibration is { } calibration) json.WriteString("calibration"u8, CalibrationNames[(int)calibration]);
        if (a.Override is { } other) Write(json, other);
        if (a.Exploration is { } exploration) json.WriteBoolean("exploration"u8, exploration);
        if (a.HoldOut is { } holdOut) json.WriteBoolean("hold_out"u8, holdOut);
    }

    private static void Write(Utf8JsonWriter json, LeadOverride o)
    {
        json.WriteStartObject("override"u8);
        json.WriteString("grade"u8, o.Grade);
        json.WriteString("reason"u8, o.Reason);
        json.WriteString("by"u8, o.By);
        Write(json, "set_at"u8, o.SetAt);
        if (o.Until is { } until) Write(json, "until"u8, until);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Recommendations r)
    {
        json.WriteStartObject("recommendations"u8);
        json.WriteString("next_best_action"u8, r.NextBestAction);
        json.WriteString("action_id"u8, r.ActionId);
        if (r.OptimalContactTime is { } contact) Write(json, "optimal_contact_time"u8, contact);
        else json.WriteNull("optimal_contact_time"u8);
        json.WriteString("channel_preference"u8, r.ChannelPreference);
        json.WriteStartObject("why"u8);
        json.WriteString("next_best_action"u8, r.Why.NextBestAction);
        json.WriteString("optimal_contact_time"u8, r.Why.OptimalContactTime);
        json.WriteString("channel_preference"u8, r.Why.ChannelPreference);
        json.WriteEndObject();
        if (r.ContactWindowEndsAt is { } ends) Write(json, "contact_window_ends_at"u8, ends);
        if (r.TimeZone is not null) json.WriteString("time_zone"u8, r.TimeZone);
        if (r.Abstained is { } abstained)
        {
            json.WriteStartObject("abstained"u8);
            json.WriteBoolean("next_best_action"u8, abstained.NextBestAction);
            json.WriteBoolean("optimal_contact_time"u8, abstained.OptimalContactTime);
            json.WriteBoolean("channel_preference"u8, abstained.ChannelPreference);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Factors factors)
    {
        json.WriteStartObject("factors"u8);
        json.WriteNumber("base"u8, factors.Base);
        json.WriteStartArray("positive"u8);
        foreach (var factor in factors.Positive) Write(json, factor);
        json.WriteEndArray();
        json.WriteStartArray("negative"u8);
        foreach (var factor in factors.Negative) Write(json, factor);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Factor factor)
    {
        json.WriteStartObject();
        json.WriteString("feature"u8, factor.Feature);
        json.WriteString("label"u8, factor.Label);
        switch (factor.Value)
        {
            case null:
                json.WriteNull("value"u8);
                break;
            case double number:
                json.WriteNumber("value"u8, number);
                break;
            case bool flag:
                json.WriteBoolean("value"u8, flag);
                break;
            default:
                json.WriteString("value"u8, (string)factor.Value);
                break;
        }

        json.WriteNumber("points"u8, factor.Points);
        json.WriteString("group"u8, factor.Group);
        json.WriteString("text"u8, factor.Text);
        if (factor.BaseRate is { } rate)
        {
            json.WriteStartObject("base_rate"u8);
            json.WriteNumber("converts"u8, rate.Converts);
            json.WriteNumber("all_convert"u8, rate.AllConvert);
            json.WriteNumber("n"u8, rate.N);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset moment)
    {
        Span<byte> text = stackalloc byte[MomentConverter.Length];
        MomentConverter.Write(moment, text);
        json.WriteString(name, text);
    }

    private static JsonEncodedText[] Names<T>() where T : struct, Enum => [.. Enum.GetValues<T>().Select(v => JsonEncodedText.Encode(ScoreStore.Name(v)))];
}
