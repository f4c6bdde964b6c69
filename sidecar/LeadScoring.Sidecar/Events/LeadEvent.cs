using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Events;

/// <summary>An event and the lead it belongs to.</summary>
internal sealed record LeadEvent(string LeadId, ActivityEvent Event);
