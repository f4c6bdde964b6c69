using System.Text.Json;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class AttributeValueTests
{
    [Theory]
    [InlineData("3", AttributeKind.Number, 3, "3")]
    [InlineData("3.0", AttributeKind.Number, 3, "3")]
    [InlineData("\"3.0\"", AttributeKind.Text, 3, "3")]
    [InlineData("\" x \"", AttributeKind.Text, double.NaN, "x")]
    [InlineData("\"   \"", AttributeKind.Missing, double.NaN, null)]
    [InlineData("null", AttributeKind.Missing, double.NaN, null)]
    [InlineData("1e999", AttributeKind.Missing, double.NaN, null)]
    [InlineData("true", AttributeKind.Number, 1, "true")]
    [InlineData("false", AttributeKind.Number, 0, "false")]
    [InlineData("[1,\"a\",null]", AttributeKind.List, 3, "3")]
    [InlineData("{\"a\":1,\"b\":{}}", AttributeKind.Number, 2, "2")]
    public void From_Json_HasKindNumberAndText(string json, AttributeKind kind, double number, string? text)
    {
        using var document = JsonDocument.Parse(json);
        var value = AttributeValue.From(document.RootElement);
        Assert.Equal((kind, text), (value.Kind, value.AsText()));
        Assert.Equal(number, value.AsNumber());
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void From_NotFinite_IsMissing(double number) => Assert.True(AttributeValue.From(number).IsMissing);

    [Fact]
    public void Equals_NumberAndItsText_AreOneLevelWithOneHash()
    {
        AttributeValue a = AttributeValue.From(3), b = AttributeValue.From(3.0), c = AttributeValue.From("3");
        Assert.Equal(a, b);
        Assert.Equal(a.AsText(), c.AsText());
        Assert.Equal(a.GetHashCode(), c.GetHashCode());
        Assert.Equal(AttributeValue.From([1.0, 2]), AttributeValue.From([1.0, 2]));
        Assert.NotEqual(AttributeValue.From([1.0, 2]), AttributeValue.From([1.0, 3]));
        Assert.NotEqual(AttributeValue.From("x"), AttributeValue.Missing);
    }

    [Fact]
    public void AsList_NoList_IsEmpty() => Assert.Equal(0, AttributeValue.From("1,2").AsList().Length);

    [Theory]
    [InlineData("2024-02-29", "2024-02-29T00:00:00Z")]
    [InlineData("1709164800", "2024-02-29T00:00:00Z")]
    [InlineData("1709164800000", "2024-02-29T00:00:00Z")]
    public void TryGetMoment_DateOrEpochAsText_IsTheMoment(string text, string expected)
    {
        Assert.True(AttributeValue.From(text).TryGetMoment(out var ms));
        Assert.Equal(Events.At(expected), ms);
    }

    [Fact]
    public void TryGetMoment_EpochNumber_IsTheMoment()
    {
        Assert.True(AttributeValue.From(1709164800.0).TryGetMoment(out var ms));
        Assert.Equal(Events.At("2024-02-29T00:00:00Z"), ms);
        Assert.False(AttributeValue.From(true).TryGetMoment(out _));
        Assert.False(AttributeValue.From([1.0]).TryGetMoment(out _));
        Assert.False(AttributeValue.From("tomorrow").TryGetMoment(out _));
    }
}
