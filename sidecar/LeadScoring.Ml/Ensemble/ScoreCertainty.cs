using LeadScoring.Ml.Calibration;

namespace LeadScoring.Ml.Ensemble;

/// <summary>How sure the scores of a model are.</summary>
/// <param name="Confidence">That the decision of the ensemble is right.</param>
/// <param name="PrimaryConfidence">That the decision of the primary member alone is right; it knows no disagreement.</param>
/// <param name="Intervals">Around probabilities of the ensemble.</param>
/// <param name="PrimaryIntervals">Around probabilities of the primary member alone.</param>
public sealed record ScoreCertainty(ConfidenceModel Confidence, ConfidenceModel PrimaryConfidence, ConversionIntervals Intervals, ConversionIntervals PrimaryIntervals);
