namespace LeadScoring.Ml.XGBoost;

/// <summary>Refuses training data that XGBoost would read out of bounds or train nonsense with, before it reaches native code.</summary>
internal static class TrainingInput
{
    internal static void Check(
        ReadOnlySpan<float> rows, int columnCount, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights, XGBoostParameters parameters)
    {
        CheckRows(rows, columnCount, nameof(rows));
        CheckLabels(labels, rows.Length / columnCount, parameters.Objective, nameof(labels));
        CheckWeights(weights, labels.Length);
        if (parameters.MonotoneConstraints is { } constraints && constraints.Length != columnCount)
        {
            throw new ArgumentException(
                $"There are {constraints.Length} monotone constraints for {columnCount} columns.", nameof(XGBoostParameters.MonotoneConstraints));
        }
    }

    internal static void Check(XGBoostValidation validation, int columnCount, XGBoostParameters parameters)
    {
        if (validation.Patience < 1)
            throw new ArgumentException($"Patience must be at least 1 round, not {validation.Patience}.", nameof(validation));
        CheckRows(validation.Rows, columnCount, nameof(validation));
        CheckLabels(validation.Labels, validation.Rows.Length / columnCount, parameters.Objective, nameof(validation));
        CheckWeights(validation.Weights, validation.Labels.Length);
    }

    internal static void CheckRows(ReadOnlySpan<float> rows, int columnCount, string name)
    {
        if (columnCount < 1)
            throw new ArgumentException($"There must be at least 1 column, not {columnCount}.", nameof(columnCount));
        if (rows.IsEmpty || rows.Length % columnCount != 0)
            throw new ArgumentException($"{rows.Length} values are not a positive number of rows of {columnCount} columns.", name);
        for (var i = 0; i < rows.Length; i++)
        {
            if (float.IsInfinity(rows[i]))
            {
                throw new ArgumentException(
                    $"Row {i / columnCount}, column {i % columnCount} is infinite; use NaN for missing, or clip it.", name);
            }
        }
    }

    private static void CheckLabels(ReadOnlySpan<float> labels, int rowCount, string objective, string name)
    {
        if (labels.Length != rowCount)
            throw new ArgumentException($"There are {labels.Length} labels for {rowCount} rows.", name);
        var logistic = objective.EndsWith(":logistic", StringComparison.Ordinal);
        for (var i = 0; i < labels.Length; i++)
        {
            if (!float.IsFinite(labels[i]) || (logistic && labels[i] is < 0 or > 1))
                throw new ArgumentException($"The label of row {i} is {labels[i]}; {objective} needs {(logistic ? "0 to 1" : "a finite number")}.", name);
        }
    }

    private static void CheckWeights(ReadOnlySpan<float> weights, int rowCount)
    {
        if (weights.IsEmpty)
            return;
        if (weights.Length != rowCount)
            throw new ArgumentException($"There are {weights.Length} weights for {rowCount} rows.", nameof(weights));
        var sum = 0.0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (!float.IsFinite(weights[i]) || weights[i] < 0)
                throw new ArgumentException($"The weight of row {i} is {weights[i]}; it must be finite and at least 0.", nameof(weights));
            sum += weights[i];
        }

        if (sum <= 0)
            throw new ArgumentException("All weights are 0.", nameof(weights));
    }
}
