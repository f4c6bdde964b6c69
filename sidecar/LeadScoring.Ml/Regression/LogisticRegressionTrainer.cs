using MathNet.Numerics.LinearAlgebra;

namespace LeadScoring.Ml.Regression;

/// <summary>Fits an L2-penalised logistic regression by Newton's method (iteratively reweighted least squares).</summary>
/// <remarks>
/// Source: Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", section 4.4.1, with the ridge term of section 3.4.1.
/// A step that raises the loss is halved. The result is the minimum of a convex function, so it needs no seed; sums run in a fixed order and give the same bits.
/// </remarks>
public static class LogisticRegressionTrainer
{
    private const int MostHalvings = 40;

    // The loss is a long sum: differences below this share of it are rounding, and must not stop the last, most accurate steps.
    private const double Rounding = 1e-12;

    /// <summary>Fits the regression.</summary>
    /// <param name="rows">Preprocessed features, finite, best standardised (the penalty is the same for every column). Row after row. Shape (leads, columns).</param>
    /// <param name="columns">Number of columns, at least 1. Constant and collinear columns are fine: the penalty shares the effect between them.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,). Both classes must occur.</param>
    /// <param name="weights">Finite and at least 0, counted as numbers of leads. Shape (leads,), or empty for all 1.</param>
    /// <param name="parameters">Penalty and limits; null for the defaults.</param>
    /// <param name="cancellationToken">Looked at before each step.</param>
    /// <returns>The regression; when <see cref="LogisticRegressionParameters.MaxIterations"/> runs out, the best one so far.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths do not fit, a feature is NaN or infinite, a label is neither 0 nor 1, a weight is negative, NaN or infinite,
    /// or one class has no lead of positive weight.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is out of range.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static LogisticRegression Train(
        ReadOnlySpan<float> rows, int columns, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default,
        LogisticRegressionParameters? parameters = null, CancellationToken cancellationToken = default)
    {
        parameters ??= new LogisticRegressionParameters();
        parameters.Validate();
        var (positive, total) = Validate(rows, columns, labels, weights);

        var strength = 1 / parameters.C;
        var solution = new double[columns + 1];
        solution[columns] = Math.Log(positive / (total - positive)); // the optimum without any column
        var margins = new double[labels.Length];
        var candidateMargins = new double[labels.Length];
        var loss = Loss(rows, labels, weights, solution, strength, margins);
        var system = new NewtonSystem(columns);
        var candidate = new double[columns + 1];

        for (var iteration = 0; iteration < parameters.MaxIterations; iteration++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Gather(system, rows, columns, labels, weights, margins, solution, strength);
            var step = Solve(system);
            if (step is null)
                break;
            double decrement = 0;
            for (var i = 0; i <= columns; i++)
                decrement += step[i] * system.Gradient[i];

            var improved = false;
            var scale = 1.0;
            for (var halving = 0; halving < MostHalvings && !improved; halving++, scale /= 2)
            {
                for (var i = 0; i <= columns; i++)
                    candidate[i] = solution[i] - scale * step[i];
                var candidateLoss = Loss(rows, labels, weights, candidate, strength, candidateMargins);
                if (!(candidateLoss <= loss + Rounding * loss)) continue;
                improved = true;
                loss = candidateLoss;
                (solution, candidate) = (candidate, solution);
                (margins, candidateMargins) = (candidateMargins, margins);
            }
            if (!improved || decrement / 2 <= parameters.Tolerance * total)
                break;
        }
        return new LogisticRegression(solution.AsSpan(0, columns), solution[columns]);
    }

    private static void Gather(
        NewtonSystem system, ReadOnlySpan<float> rows, int columns, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights,
        double[] margins, double[] solution, double strength)
    {
        system.Reset(solution.AsSpan(0, columns), strength);
        for (var i = 0; i < labels.Length; i++)
        {
            double weight = weights.IsEmpty ? 1 : weights[i];
            if (weight == 0) continue;
            var p = 1 / (1 + Math.Exp(-margins[i]));
            system.Add(rows.Slice(i * columns, columns), weight * (p - labels[i]), weight * p * (1 - p));
        }
    }

    // The penalty makes the matrix definite in exact arithmetic; rounding (a huge C, or all leads certain) may not. Then the diagonal is raised until it is.
    private static Vector<double>? Solve(NewtonSystem system)
    {
        var hessian = Matrix<double>.Build.DenseOfArray(system.Hessian());
        var gradient = Vector<double>.Build.DenseOfArray(system.Gradient.ToArray());
        var largest = hessian.Diagonal().Maximum();
        if (!double.IsFinite(largest))
            return null;
        for (var lift = 0.0; lift <= 1; lift = lift == 0 ? 1e-12 : lift * 100)
        {
            var lifted = hessian.Clone();
            if (lift > 0)
                lifted.SetDiagonal(hessian.Diagonal() + lift * Math.Max(largest, 1e-300));
            try
            {
                var step = lifted.Cholesky().Solve(gradient);
                if (step.ForAll(double.IsFinite))
                    return step;
            }
            catch (ArgumentException)
            {
                // MathNet's word for "not positive definite": raise the diagonal and try again
            }
        }
        return null;
    }

    // Sum of w * ln(1 + exp(-z)), z = margin towards the label, plus the penalty; also leaves the margins behind.
    private static double Loss(
        ReadOnlySpan<float> rows, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights, double[] solution, double strength, double[] margins)
    {
        var coefficients = solution.AsSpan(0, solution.Length - 1);
        var intercept = solution[^1];
        double sum = 0, squares = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            margins[i] = intercept + LogisticRegression.Dot(coefficients, rows.Slice(i * coefficients.Length, coefficients.Length));
            var towards = labels[i] == 1f ? margins[i] : -margins[i];
            sum += (weights.IsEmpty ? 1 : weights[i]) * (Math.Max(-towards, 0) + Math.Log(1 + Math.Exp(-Math.Abs(towards))));
        }
        foreach (var coefficient in coefficients)
            squares += coefficient * coefficient;
        return sum + strength * squares / 2;
    }

    private static (double Positive, double Total) Validate(
        ReadOnlySpan<float> rows, int columns, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights)
    {
        if (columns < 1)
            throw new ArgumentException($"{columns} columns; there must be at least one.", nameof(columns));
        if (rows.Length != (long)labels.Length * columns)
            throw new ArgumentException($"{rows.Length} features for {labels.Length} leads of {columns} columns.", nameof(rows));
        if (!weights.IsEmpty && weights.Length != labels.Length)
            throw new ArgumentException($"{weights.Length} weights for {labels.Length} leads.", nameof(weights));
        for (var i = 0; i < rows.Length; i++)
            if (!float.IsFinite(rows[i]))
                throw new ArgumentException($"Lead {i / columns}, column {i % columns} is {rows[i]:R}, not a finite number.", nameof(rows));

        double positive = 0, total = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] is not (0f or 1f))
                throw new ArgumentException($"The label of lead {i} is {labels[i]:R}; it must be 0 or 1.", nameof(labels));
            double weight = weights.IsEmpty ? 1 : weights[i];
            if (!(weight >= 0 && double.IsFinite(weight)))
                throw new ArgumentException($"The weight of lead {i} is {weight:R}; it must be finite and at least 0.", nameof(weights));
            total += weight;
            positive += weight * labels[i];
        }
        if (!(positive > 0 && positive < total))
            throw new ArgumentException("Both classes must occur: a regression on one class has no finite solution.", nameof(labels));
        return (positive, total);
    }
}
