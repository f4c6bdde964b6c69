namespace LeadScoring.Ml.Tests.XGBoost;

/// <summary>Rows with a learnable label: 20 columns, of which 6 are counts and 6 one-hot; one value in ten is missing.</summary>
internal static class SyntheticLeads
{
    internal const int Columns = 20;

    internal static (float[] Rows, float[] Labels) Make(int count, int seed)
    {
        var random = new Random(seed);
        var rows = new float[count * Columns];
        var labels = new float[count];
        for (var i = 0; i < count; i++)
        {
            var row = rows.AsSpan(i * Columns, Columns);
            for (var c = 0; c < Columns; c++)
            {
                row[c] = c switch
                {
                    < 8 => (float)((random.NextDouble() * 4) - 2),
                    < 14 => random.Next(0, 9) - 4,
                    _ => random.Next(0, 2),
                };
            }

            var signal = row[0] - (row[1] * row[2]) + (0.5f * row[8]) - (0.4f * Math.Abs(row[9])) + row[14] - 1.5f;
            labels[i] = random.NextDouble() < 1 / (1 + Math.Exp(-signal)) ? 1 : 0;
            for (var c = 0; c < Columns; c++)
            {
                if (random.Next(10) == 0)
                    row[c] = float.NaN;
            }
        }

        return (rows, labels);
    }
}
