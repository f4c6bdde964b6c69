namespace LeadScoring.Sidecar.Privacy;

/// <summary>A part of what is kept of a person.</summary>
/// <param name="Name">Lower snake case; part of the API.</param>
/// <param name="Title">For people.</param>
/// <param name="Text">What it is, and where it is from.</param>
/// <param name="Kept">How long.</param>
/// <param name="Sql">Its rows, with the parameters @organizationId, @leadId and @limit. Columns that end in _ms are moments, json is an object of its own.</param>
internal sealed record AccessSection(string Name, string Title, string Text, string Kept, string Sql)
{
    private const string OfLead = "where organization_id = @organizationId and lead_id = @leadId";
    private const string WithLead = "As long as the lead is kept.";

    internal static IReadOnlyList<AccessSection> All { get; } =
    [
        new("facts", "Facts", "What was told of the person, by forms, imports, workflows or a CRM.", WithLead,
            $"select attributes as json, created_at_ms, updated_at_ms from leads {OfLead} limit @limit"),
        new("activity", "Activity", "What the person did, as it came in, each with the system that told of it.", WithLead + " The organization may set a limit in months.",
            $"select occurred_at_ms, type, source, properties as json, received_at_ms from events {OfLead} order by occurred_at_ms, event_id limit @limit"),
        new("outcomes", "Outcomes", "What became of the contact, with every correction.", WithLead,
            $"select recorded_at_ms, source, reversed, converted, occurred_at_ms, revenue, stage from outcome_history {OfLead} order by recorded_at_ms, change limit @limit"),
        new("scores", "Scores", "Every score that the machine gave, the grade that followed, and the estimated probability of a sale.", WithLead + " The organization may set a limit in months; the latest stays.",
            $"select scored_at_ms, score, grade, probability, scored_by, model_version, cause from scores {OfLead} order by change limit @limit"),
        new("recommendations", "Recommendations", "What the machine advised the sales team to do next.", WithLead, $"select recommended_at_ms, action_id from recommended_actions {OfLead} order by change limit @limit"),
        new("actions", "Actions", "What the sales team did, and what came of it.", WithLead, $"select taken_at_ms, action_id, channel, result, result_at_ms from actions_taken {OfLead} order by taken_at_ms, record_id limit @limit"),
        new("overrides", "Decisions of people", "Where somebody put a grade of his own in the place of the machine's: who, why and until when.", WithLead,
            $"select set_at_ms, grade, reason, set_by, until_ms, removed_by, removed_at_ms, machine_score, machine_grade from overrides {OfLead} order by change limit @limit"),
        new("feedback", "Feedback", "What the sales team said of the score.", WithLead, $"select given_at_ms, verdict, reason, given_by, score, grade from feedback {OfLead} order by given_at_ms, feedback_id limit @limit"),
        new("reviews", "Reviews", "Scores that somebody was asked to look at.", WithLead, $"select selected_at_ms, score, grade, verdict, comment, reviewed_by, reviewed_at_ms from reviews {OfLead} order by selected_at_ms, review_id limit @limit"),
        new("experiments", "Experiments", "Comparisons of two models in which the person's scores took part.", WithLead, $"select exposed_at_ms, experiment_id, is_challenger from experiment_leads {OfLead} order by exposed_at_ms limit @limit"),
        new("systems", "Other systems", "Records of the person in CRMs and e-mail platforms that are connected: facts come from there, and score and grade are written there.", WithLead, """
            select k.connector, k.record_id, k.linked_at_ms, w.status as write_status, w.written_score, w.written_grade, w.written_at_ms from lead_links k
            left join write_backs w on w.organization_id = k.organization_id and w.connector = k.connector and w.record_id = k.record_id
            where k.organization_id = @organizationId and k.lead_id = @leadId order by k.connector, k.record_id limit @limit
            """),
        new("sent", "Sent to", "Notices with score and grade that were sent to the organization's own workflows, or wait to be.", "Delivered ones for a week, given up ones for a month, unless the settings say otherwise.", """
            select d.occurred_at_ms, d.event_type, w.url, d.status, d.finished_at_ms from webhook_deliveries d join webhooks w on w.organization_id = d.organization_id and w.webhook_id = d.webhook_id
            where d.organization_id = @organizationId and d.subject = 'lead/' || @leadId order by d.occurred_at_ms, d.webhook_id, d.sequence limit @limit
            """),
        new("merges", "Same person", "Records that were found to be the same person.", WithLead,
            "select merged_at_ms, lead_id, merged_lead_id, reason, undone_at_ms from lead_merges where organization_id = @organizationId and (lead_id = @leadId or merged_lead_id = @leadId) order by merged_at_ms limit @limit"),
    ];
}
