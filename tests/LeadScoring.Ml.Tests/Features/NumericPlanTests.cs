using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class NumericPlanTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(7)]
    [InlineData(300)]   // more than the plan takes
    public void Encode_HostileNumbers_EqualsTheEncodersThemselves(int count)
    {
        var random = new Random(count);
        NumericEncoder[] encoders = [.. Enumerable.Range(0, count).Select(i => new NumericEncoder
        {
            Low = -random.Next(5), High = random.Next(5), Fill = random.NextDouble(), Mean = random.NextDouble(), InverseDeviation = i % 3 == 0 ? 0 : random.NextDouble() * 9,
            MissingIndicator = random.Next(2) == 0,
        })];
        var preprocessor = new Preprocessor([.. encoders], [.. encoders.Select((_, i) => $"f{i}")]);
        double[] numbers = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, double.MinValue, double.Epsilon, 0, -0.0, 1e20, -3, 0.1, 3e38, 3.1e38];
        float[] tree = new float[preprocessor.TreeColumns.Count], dense = new float[preprocessor.DenseColumns.Count];
        for (var repetition = 0; repetition < 200; repetition++)
        {
            FeatureValue[] values = [.. encoders.Select(_ => new FeatureValue(numbers[random.Next(numbers.Length)], null))];
            preprocessor.Encode(values, tree, dense);
            float[] expectedTree = new float[tree.Length], expectedDense = new float[dense.Length];
            for (var f = 0; f < count; f++) encoders[f].Encode(values[f], preprocessor.TreePart(f, expectedTree), preprocessor.DensePart(f, expectedDense));
            Assert.Equal(expectedTree, tree);
            Assert.Equal(expectedDense, dense);
        }
    }
}
