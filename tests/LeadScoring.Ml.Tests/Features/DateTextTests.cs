using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Features;

public sealed class DateTextTests
{
    [Theory]
    [InlineData("2024-02-29", "2024-02-29T00:00:00Z")]
    [InlineData(" 2024-02-29 13:05 ", "2024-02-29T13:05:00Z")]
    [InlineData("2024-02-29T13:05:06Z", "2024-02-29T13:05:06Z")]
    [InlineData("2024-02-29T13:05:06.789Z", "2024-02-29T13:05:06.789Z")]
    [InlineData("2024-02-29T13:05:06+02:00", "2024-02-29T11:05:06Z")]
    [InlineData("2024/02/29", "2024-02-29T00:00:00Z")]
    [InlineData("29.02.2024", "2024-02-29T00:00:00Z")]
    [InlineData("29.02.2024 13:05", "2024-02-29T13:05:00Z")]
    [InlineData("2/29/2024", "2024-02-29T00:00:00Z")]
    [InlineData("2/29/2024 1:05 PM", "2024-02-29T13:05:00Z")]
    [InlineData("29 Feb 2024", "2024-02-29T00:00:00Z")]
    [InlineData("Feb 29, 2024", "2024-02-29T00:00:00Z")]
    [InlineData("20240229T130506Z", "2024-02-29T13:05:06Z")]
    [InlineData("Thu, 29 Feb 2024 13:05:06 GMT", "2024-02-29T13:05:06Z")]
    public void TryParse_ExportFormats_GiveTheMoment(string text, string expected)
    {
        Assert.True(DateText.TryParse(text, out var ms));
        Assert.Equal(Events.At(expected), ms);
    }

    [Theory]
    [InlineData("")]
    [InlineData("20240229")]
    [InlineData("12345678")]
    [InlineData("2023-02-29")]
    [InlineData("13/13/2024")]
    [InlineData("1899-12-31")]
    [InlineData("2200-01-01")]
    [InlineData("0001-01-01T00:00:00+14:00")]
    [InlineData("9999-12-31T23:59:59-14:00")]
    [InlineData("1234.5678")]
    [InlineData("192.168.1.1")]
    [InlineData("555-123-4567")]
    [InlineData("2024-02-29 13:05:06 but then it goes on for long")]
    public void TryParse_NoDate_IsFalse(string text) => Assert.False(DateText.TryParse(text, out _));

    [Theory]
    [InlineData(1_700_000_000, 1_700_000_000_000)]
    [InlineData(1_700_000_000_123, 1_700_000_000_123)]
    public void TryFromEpoch_SecondsOrMilliseconds_GivesMilliseconds(double number, long expected)
    {
        Assert.True(DateText.TryFromEpoch(number, out var ms));
        Assert.Equal(expected, ms);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(2024)]
    [InlineData(2e10)]
    [InlineData(1e13)]
    [InlineData(9e12)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void TryFromEpoch_Other_IsFalse(double number) => Assert.False(DateText.TryFromEpoch(number, out _));
}
